import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { withDatabase } from '../../fixtures/database.ts';
import { PROJECT_DIR } from '../../harness/project.ts';
import { type Report, reportSchema } from '../../verifier/report.ts';
import type { PostgresPair } from './postgres-pair.ts';
import { type PeerName, peer } from './python-peers.ts';

const CLI = join(PROJECT_DIR, 'bin', 'cdc-lab');
const COLUMNS = ['name', 'status', 'amount', 'changed', 'version'];

/** Creates and fills a table of six columns, the same on both sides. */
export async function fillBoth(
  { sourceUrl, sinkUrl }: PostgresPair,
  table: string,
  rows: number,
): Promise<void> {
  await Promise.all(
    [sourceUrl, sinkUrl].map((url) =>
      withDatabase(url, async (client) => {
        await client.query(`CREATE TABLE ${table} (id int PRIMARY KEY, name text, status text,
          amount numeric(12,2), changed timestamptz, version bigint)`);
        await client.query(
          `INSERT INTO ${table} SELECT i, 'name ' || i, 'new', i * 1.10, '2026-01-01Z'::timestamptz + i * interval '1 s', 1
           FROM generate_series(1, $1::int) i`,
          [rows],
        );
        await client.query(`VACUUM ANALYZE ${table}`);
        await client.query('CHECKPOINT');
      }),
    ),
  );
}

/** Runs `cdc-lab verify` as a process. @returns its report, its time and its peak memory. */
export async function verifyProcess(
  { sourceUrl, sinkUrl }: PostgresPair,
  table: string,
  args: readonly string[] = ['--fence', 'none'],
): Promise<{ report: Report; ms: number; peakRssBytes: number }> {
  const [source, sink] = [sourceUrl, sinkUrl].map(
    (url) => Object.assign(new URL(url), { password: '' }).href,
  );
  const env = { CDC_LAB_SOURCE_PASSWORD: passwordOf(sourceUrl), CDC_LAB_SINK_PASSWORD: passwordOf(sinkUrl) };
  const startedMs = performance.now();
  const child = execa(
    CLI,
    ['verify', '--source', source ?? '', '--sink', sink ?? '', '--tables', table, '--json', ...args],
    { env, reject: false },
  );
  let peakRssBytes = 0;
  const look = setInterval(async () => {
    // The kernel's high-water mark, so only a peak after the last look is missed.
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peakRssBytes = Math.max(peakRssBytes, 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0));
  }, 50);
  try {
    const { stdout, stderr } = await child;
    if (stdout === '') throw new Error(`cdc-lab verify printed nothing: ${stderr}`);
    return {
      report: reportSchema.parse(JSON.parse(stdout)),
      ms: performance.now() - startedMs,
      peakRssBytes,
    };
  } finally {
    clearInterval(look);
  }
}

/**
 * The verifier's baseline: scans both sides at once for a count and two sums of hashes per bucket.
 * @returns milliseconds.
 */
export async function bareScan({ sourceUrl, sinkUrl }: PostgresPair, table: string): Promise<number> {
  const scan = `
    SELECT b, count(*), sum(h1), sum(h2)
    FROM (SELECT b, hash_record_extended(r, 1) AS h1, hash_record_extended(r, 2) AS h2
          FROM (SELECT hash_record_extended(ROW(id), 3) & 4095 AS b, ROW(id, ${COLUMNS.join(', ')}) AS r
                FROM ${table} OFFSET 0) records OFFSET 0) hashes
    GROUP BY b`;
  const startedMs = performance.now();
  await Promise.all([sourceUrl, sinkUrl].map((url) => withDatabase(url, (client) => client.query(scan))));
  return performance.now() - startedMs;
}

/** Runs a peer with 4 threads; more do not help it here. @returns the lines that it printed, and its time. */
export async function peerRun(
  name: PeerName,
  { sourceUrl, sinkUrl }: PostgresPair,
  table: string,
  progress: (line: string) => void,
): Promise<{ lines: readonly string[]; ms: number }> {
  const command = await peer(name, progress);
  // libpq reads the password from the environment.
  const place = (url: string): string =>
    Object.assign(new URL(url.replace(/^postgres:/, 'postgresql:')), { password: '' }).href;
  const own = name === 'data-diff' ? ['--no-tracking'] : [];
  const columns = COLUMNS.flatMap((column) => ['-c', column]);
  const args = [...own, '-k', 'id', ...columns, '--threads', '4', '--json'];
  const startedMs = performance.now();
  // reladiff breaks lines at the terminal's width.
  const env = { PGPASSWORD: passwordOf(sourceUrl), COLUMNS: '10000' };
  const { stdout } = await execa(command, [place(sourceUrl), table, place(sinkUrl), table, ...args], { env });
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  return { lines, ms: performance.now() - startedMs };
}

function passwordOf(url: string): string {
  return decodeURIComponent(new URL(url).password);
}
