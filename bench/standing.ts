import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDatabase } from '../fixtures/database.ts';
import { labControl } from '../harness/lab/process/process-control.ts';
import { type Report, reportSchema } from '../verifier/report.ts';
import type { Bench, Figure } from './lib/bench.ts';
import { cdcLab, mustCdcLab, treeMemory } from './lib/lab.ts';

const MEBIBYTE = 1024 * 1024;
const RATE = 200;
const LOOK_MS = 10_000;
/** Ticks of a process's clock in a second: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS = 100;
const minutes = Number(process.env.CDC_LAB_BENCH_MINUTES ?? 60);
/** Rows that are written before, so that a short run has the size that a long one has in the end. */
const historyRows = Number(process.env.CDC_LAB_BENCH_ROWS ?? 0);
/** `incremental.scanEveryMs` of the verifier, by default. */
const SCAN_PERIOD_MS = 600_000;

interface Look {
  readonly ms: number;
  readonly report: Report;
  readonly verifierBytes: number;
  readonly writerBytes: number;
  /** Processes that wanted to run in the last minute, on average: the lab's and all others'. */
  readonly load: number;
}

const bench: Bench = {
  title: `a lab that is left alone for ${minutes} minutes at ${RATE} tx/s, against fixed bounds`,
  async run({ workDir, progress }) {
    const dir = join(workDir, 'lab');
    try {
      await mustCdcLab(['up', '--no-writer'], dir);
      const lab = await labControl.open(dir);
      const instance = await lab?.instance('lab');
      if (lab == null || instance == null) throw new Error('the lab is not up');
      if (historyRows > 0)
        await withDatabase(instance.sourceUrl, (client) => client.query(historySql(historyRows)));
      await mustCdcLab(['status', '--deadline', '600'], dir);
      progress(`${historyRows} rows are in the sink`);
      await instance.startWorkload({ kind: 'mixed', rate: RATE, seed: 1, transactions: null });
      const pidOf = async (name: string): Promise<number> => {
        const service = (await lab.runtime.services()).find((one) => one.name.startsWith(name));
        if (service?.pid == null) throw new Error(`${name} does not run`);
        return service.pid;
      };
      const pids = { verifier: await pidOf('verifier'), writer: await pidOf('workload') };
      const look = async (): Promise<Look> => {
        const startedMs = performance.now();
        const { stdout } = await cdcLab(['status', '--json', '--deadline', '60'], dir);
        const ms = performance.now() - startedMs;
        const verifierBytes = (await treeMemory(pids.verifier)).rss;
        const writerBytes = (await treeMemory(pids.writer)).rss;
        const report = reportSchema.parse(JSON.parse(stdout));
        return { ms, report, verifierBytes, writerBytes, load: loadavg()[0] ?? 0 };
      };
      const looks: Look[] = [];
      const cpuBefore = await cpuSeconds(pids.verifier);
      const startedMs = performance.now();
      const lookUntil = async (untilMs: number): Promise<void> => {
        while (performance.now() < untilMs) {
          looks.push(await look());
          if (looks.length % 6 === 0) progress(describe(looks));
          await sleep(LOOK_MS);
        }
      };
      await lookUntil(startedMs + minutes * 30_000);
      const found = await spoil(instance, look);
      await lookUntil(startedMs + minutes * 60_000);
      const elapsedMs = performance.now() - startedMs;
      const cpu = ((await cpuSeconds(pids.verifier)) - cpuBefore) / (elapsedMs / 1000);
      return figures(looks, { found, cpu });
    } finally {
      await mustCdcLab(['clean'], dir);
    }
  },
};
export default bench;

/** An order and two items each for as many customers as that makes rows. */
function historySql(rows: number): string {
  const customers = Math.ceil(rows / 4);
  const of = (table: string, n: string) => `md5('history/${table}/' || ${n})::uuid`;
  return `
    INSERT INTO customers (id, email, name)
      SELECT ${of('customers', 'i')}, 'old' || i || '@example.com', 'Old ' || i FROM generate_series(1, ${customers}) i;
    INSERT INTO orders (id, customer_id, amount)
      SELECT ${of('orders', 'i')}, ${of('customers', 'i')}, i % 900 + 0.99 FROM generate_series(1, ${customers}) i;
    INSERT INTO order_items (id, order_id, sku, quantity, price)
      SELECT ${of('order_items', `i || '/' || n`)}, ${of('orders', 'i')}, 'SKU-' || i % 500, n, i % 90 + 0.99
      FROM generate_series(1, ${customers}) i, generate_series(1, 2) n;
    ANALYZE`;
}

/** Spoils a row that nobody has written since it was seeded, until it is found; then repairs it. @returns the time. */
async function spoil(
  { sinkUrl }: { readonly sinkUrl: string },
  look: () => Promise<Look>,
): Promise<{ readonly ms: number; readonly wholeAt: string }> {
  const id = await withDatabase(sinkUrl, async (client) => {
    const sql = `UPDATE order_items SET price = price + 1
      WHERE id = (SELECT id FROM order_items ORDER BY created_at, id LIMIT 1) RETURNING id`;
    const { rows } = await client.query<{ id: string }>(sql);
    return rows[0]?.id ?? '';
  });
  const startedMs = performance.now();
  for (;;) {
    const { report } = await look();
    const found = report.findings.find(
      ({ class: name, first }) => name === 'corrupted' && first?.key.id === id,
    );
    const ms = performance.now() - startedMs;
    if (found === undefined && ms < 2 * SCAN_PERIOD_MS) continue;
    await withDatabase(sinkUrl, (client) =>
      client.query('UPDATE order_items SET price = price - 1 WHERE id = $1', [id]),
    );
    return { ms: found === undefined ? Number.POSITIVE_INFINITY : ms, wholeAt: oldestWhole(report) };
  }
}

function oldestWhole({ scans }: Report): string {
  return (scans?.tables ?? []).map(({ wholeAt }) => wholeAt).sort()[0] ?? '';
}

function figures(
  looks: readonly Look[],
  { found, cpu }: { readonly found: { readonly ms: number }; readonly cpu: number },
): Figure[] {
  const second = looks.slice(Math.floor(looks.length / 2));
  const mib = (pick: (look: Look) => number, of = looks): number[] => of.map((look) => pick(look) / MEBIBYTE);
  const verifier = mib(({ verifierBytes }) => verifierBytes);
  const writer = mib(({ writerBytes }) => writerBytes);
  const last = looks.at(-1)?.report;
  const ages = looks.flatMap(({ report }) => {
    const oldest = oldestWhole(report);
    return oldest === '' ? [] : [(Date.parse(report.at) - Date.parse(oldest)) / 1000];
  });
  const ms = looks.map((look) => look.ms);
  const rows = (last?.tables ?? []).reduce((sum, { sourceRows }) => sum + (sourceRows ?? 0), 0);
  const target = (atMost: number) => ({ target: { atMost } });
  return [
    {
      what: 'status, 95th percentile',
      value: percentile(ms, 0.95),
      unit: 'ms',
      ...target(2_000),
      samples: ms,
    },
    { what: 'status, maximum', value: Math.max(...ms), unit: 'ms', target: null },
    {
      what: 'verdicts other than PASS',
      value: looks.filter(({ report }) => report.verdict !== 'PASS').length,
      unit: `of ${looks.length}`,
      ...target(0),
    },
    {
      what: 'verifier, RSS, maximum',
      value: Math.max(...verifier),
      unit: 'MiB',
      ...target(256),
      samples: verifier,
    },
    {
      what: 'verifier, RSS, growth in the second half',
      value: slope(mib(({ verifierBytes }) => verifierBytes, second)),
      unit: 'MiB',
      ...target(16),
    },
    {
      what: 'writer, RSS, maximum',
      value: Math.max(...writer),
      unit: 'MiB',
      ...target(128),
      samples: writer,
    },
    { what: 'verifier, share of a core', value: cpu * 100, unit: '%', ...target(10) },
    {
      what: 'a spoilt row is found after',
      value: found.ms / 1000,
      unit: 's',
      ...target(SCAN_PERIOD_MS / 1000),
    },
    {
      what: 'oldest comparison of a row, maximum',
      value: Math.max(...ages),
      unit: 's',
      target: null,
      samples: ages,
    },
    {
      what: 'load average, median',
      value: percentile(
        looks.map(({ load }) => load),
        0.5,
      ),
      unit: '',
      target: null,
    },
    { what: 'rows at the end', value: rows, unit: '', target: null },
  ];
}

/** How much the values grow from the first quarter of them to the last, by their means. */
function slope(values: readonly number[]): number {
  const quarter = Math.max(1, Math.floor(values.length / 4));
  const mean = (some: readonly number[]) => some.reduce((sum, value) => sum + value, 0) / some.length;
  return mean(values.slice(-quarter)) - mean(values.slice(0, quarter));
}

function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** CPU time of a process since its start. Fields 14 and 15 of proc_pid_stat(5), counted behind the command's name. */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function describe(looks: readonly Look[]): string {
  const { ms, report, verifierBytes, writerBytes } = looks.at(-1) as Look;
  const sizes = [verifierBytes, writerBytes].map((bytes) => Math.round(bytes / MEBIBYTE));
  return `${looks.length} looks: ${report.verdict} in ${Math.round(ms)} ms, verifier ${sizes[0]} MiB, writer ${sizes[1]} MiB`;
}
