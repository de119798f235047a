import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { withDatabase } from '../fixtures/database.ts';
import type { Report } from '../verifier/report.ts';
import { openPair, type Pair } from '../verifier/standalone/pair.ts';
import { requestFor } from '../verifier/testing/request.ts';
import { type Bench, type Figure, median } from './lib/bench.ts';
import { type PostgresPair, subscribe, withPostgresPair } from './lib/postgres-pair.ts';

const ROWS = 200_000;
const RATE = 1000;
/** The writers do not touch ids from here on. The wrong rows are planted there, and stay until they are repaired. */
const QUIET_FROM = 190_001;
const rounds = Number(process.env.CDC_LAB_BENCH_ROUNDS ?? 100);
/** No new round begins after this time. The figures say how many rounds there were. */
const minutes = Number(process.env.CDC_LAB_BENCH_MINUTES ?? 30);
const BASELINE_MS = 10_000;

/** One wrong row of each kind. `n` moves them through the table from round to round. */
function planted(n: number): { plant: string; mend: string; found: Record<string, string> } {
  const [a, b, c] = [QUIET_FROM + n * 3, QUIET_FROM + n * 3 + 1, 9_000_000 + n];
  return {
    plant: `UPDATE items SET amount = amount + 0.01 WHERE id = ${a}; DELETE FROM items WHERE id = ${b};
            INSERT INTO items VALUES (${c}, 'hand', 'new', 1, now(), 1)`,
    mend: `UPDATE items SET amount = amount - 0.01 WHERE id = ${a}; DELETE FROM items WHERE id = ${c};
           INSERT INTO items VALUES (${b}, 'name ${b}', 'new', ${b} * 1.10, '2026-01-01Z', 1)`,
    found: { corrupted: String(a), missing: String(b), extra: String(c) },
  };
}

interface Tally {
  rounds: number;
  falseFindings: number;
  plantedFound: number;
  inconclusive: number;
  readonly ms: number[];
  readonly touched: number[];
}

async function look(pair: Pair, tally: Tally): Promise<Report> {
  const startedMs = performance.now();
  const { report } = await pair.verify(AbortSignal.timeout(120_000));
  tally.ms.push(performance.now() - startedMs);
  tally.touched.push(report.comparison?.touchedKeys ?? 0);
  if (report.verdict !== 'PASS' && report.verdict !== 'FAIL') tally.inconclusive++;
  return report;
}

async function round(n: number, pair: Pair, sinkUrl: string, tally: Tally): Promise<void> {
  tally.falseFindings += wrongRows(await look(pair, tally));
  const { plant, mend, found } = planted(n);
  await withDatabase(sinkUrl, (client) => client.query(plant));
  const report = await look(pair, tally);
  await withDatabase(sinkUrl, (client) => client.query(mend));
  const hits = report.findings.filter(({ class: name, first }) => found[name] === first?.key.id);
  tally.plantedFound += hits.length;
  tally.falseFindings += wrongRows(report) - hits.length;
}

function wrongRows({ findings }: Report): number {
  return findings.reduce((sum, { count }) => sum + count, 0);
}

const bench: Bench = {
  title: `verifying ${ROWS} rows under ${RATE} tx/s that PostgreSQL's logical replication copies, against fixed bounds`,
  async run({ workDir, progress }) {
    return await withPostgresPair(workDir, async (urls) => {
      await fill(urls);
      const subscription = await subscribe(urls, 'items');
      const pair = await openPair(requestFor(urls, { subscription, deadlineMs: 60_000 }));
      await using writers = startWriters(urls.sourceUrl);
      await sleep(2_000);
      const baseline = await writers.rateDuring(() => sleep(BASELINE_MS));
      const tally: Tally = {
        rounds: 0,
        falseFindings: 0,
        plantedFound: 0,
        inconclusive: 0,
        ms: [],
        touched: [],
      };
      const until = performance.now() + minutes * 60_000;
      const during = await writers.rateDuring(async () => {
        for (let n = 0; n < rounds && performance.now() < until; n++) {
          tally.rounds++;
          await round(n, pair, urls.sinkUrl, tally);
          if (n % 10 === 9)
            progress(`${n + 1} rounds: ${JSON.stringify({ ...tally, ms: undefined, touched: undefined })}`);
        }
      });
      return figures(tally, baseline, during);
    });
  },
};
export default bench;

function figures(tally: Tally, baseline: number, during: number): Figure[] {
  const [of, plants] = [2 * tally.rounds, 3 * tally.rounds];
  return [
    {
      what: `false findings in ${of} verifications`,
      value: tally.falseFindings,
      unit: 'rows',
      target: { atMost: 0 },
    },
    {
      what: `planted rows found, of ${plants}`,
      value: tally.plantedFound,
      unit: 'rows',
      target: { atLeast: plants },
    },
    { what: 'verifications without a verdict', value: tally.inconclusive, unit: '', target: { atMost: 0 } },
    { what: "writers' rate alone", value: baseline, unit: 'tx/s', target: null },
    {
      what: "writers' rate beside the verifier",
      value: during,
      unit: 'tx/s',
      target: { atLeast: baseline * 0.95 },
    },
    {
      what: 'one verification, median',
      value: median(tally.ms),
      unit: 'ms',
      target: null,
      samples: tally.ms,
    },
    { what: 'keys written meanwhile, median', value: median(tally.touched), unit: 'keys', target: null },
  ];
}

async function fill({ sourceUrl, sinkUrl }: PostgresPair): Promise<void> {
  const table = `CREATE TABLE items (id int PRIMARY KEY, name text, status text, amount numeric(12,2),
                                     changed timestamptz, version bigint)`;
  await withDatabase(sinkUrl, (client) => client.query(table));
  await withDatabase(sourceUrl, async (client) => {
    await client.query(table);
    await client.query(
      `INSERT INTO items SELECT i, 'name ' || i, 'new', i * 1.10, '2026-01-01Z', 1 FROM generate_series(1, $1::int) i`,
      [ROWS],
    );
    await client.query('ANALYZE items');
  });
}

function startWriters(
  url: string,
): AsyncDisposable & { rateDuring(work: () => Promise<unknown>): Promise<number> } {
  const args = [`${import.meta.dirname}/lib/live-writers.ts`, String(RATE), '1', String(QUIET_FROM - 1)];
  const child = execa(process.execPath, args, { env: { BENCH_URL: url }, stderr: 'inherit', buffer: false });
  let last = { committed: 0, ms: 0 };
  child.stdout.on('data', (chunk: Buffer) => {
    const line = chunk.toString().trim().split('\n').at(-1) ?? '{}';
    last = JSON.parse(line) as typeof last;
  });
  let over = false;
  const ended = child
    .catch((error: unknown) => error)
    .finally(() => {
      over = true;
    });
  return {
    async rateDuring(work) {
      const before = last;
      await work();
      if (over) throw new Error('the writers ended early', { cause: await ended });
      return ((last.committed - before.committed) * 1000) / (last.ms - before.ms);
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
