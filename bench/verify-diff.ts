import { withDatabase } from '../fixtures/database.ts';
import { type Bench, type Figure, median } from './lib/bench.ts';
import { type PostgresPair, withPostgresPair } from './lib/postgres-pair.ts';
import { fillBoth, peerRun, verifyProcess } from './lib/verify-tables.ts';

const ROWS = Number(process.env.CDC_LAB_BENCH_ROWS ?? 1_000_000);
const ROUNDS = 5;

/** Wrong rows: the wrong columns by key. No column: the row is missing. */
const WRONG: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries([17, 250_003, 777_777].map((id) => [id, ['amount']])),
  ...Object.fromEntries([18, 500_000, 999_999].map((id) => [id, ['name', 'changed']])),
  ...Object.fromEntries([1, 333_333, 444_444, 1_000_000].map((id) => [id, []])),
};

async function plant({ sinkUrl }: PostgresPair): Promise<void> {
  const ids = (columns: number): string =>
    Object.entries(WRONG)
      .filter(([, own]) => own.length === columns)
      .map(([id]) => id)
      .join();
  await withDatabase(sinkUrl, (client) =>
    client.query(`UPDATE items SET amount = amount + 0.01 WHERE id IN (${ids(1)});
      UPDATE items SET name = name || '.', changed = changed + interval '1 us' WHERE id IN (${ids(2)});
      DELETE FROM items WHERE id IN (${ids(0)})`),
  );
}

async function ours(pair: PostgresPair): Promise<number> {
  const { report, ms } = await verifyProcess(pair, 'items');
  const counted = report.findings.reduce((sum, { count }) => sum + count, 0);
  const columns = new Set(report.findings.flatMap(({ examples }) => examples.flatMap((one) => one.columns)));
  const examples = report.findings.flatMap((one) => one.examples);
  const named = examples.filter(({ key }) => WRONG[key.id ?? ''] !== undefined);
  const wanted = Object.keys(WRONG).length;
  if (counted !== wanted || named.length !== examples.length || columns.size !== 3) {
    throw new Error(
      `${counted} of ${wanted} wrong rows, columns ${[...columns].join()}: ${JSON.stringify(report.findings)}`,
    );
  }
  return ms;
}

/** Checks a peer's output: it prints both sides' row for a wrong one, and one row for a missing one. */
function check(lines: readonly string[], name: string): void {
  const wanted = Object.values(WRONG).reduce((sum, columns) => sum + (columns.length > 0 ? 2 : 1), 0);
  if (lines.length !== wanted) throw new Error(`${name} gave ${lines.length} rows of ${wanted}`);
}

/** The time for many differences. All are counted, and the first are listed. */
async function many(pair: PostgresPair, rows: number): Promise<Figure> {
  const every = Math.round(ROWS / rows);
  const on = (statement: string) => withDatabase(pair.sinkUrl, (client) => client.query(statement));
  await on(`UPDATE items SET status = 'wrong' WHERE id % ${every} = ${5 % every}`);
  const { report, ms } = await verifyProcess(pair, 'items');
  await on(`UPDATE items SET status = 'new' WHERE status = 'wrong'`);
  const counted = report.findings.reduce((sum, { count }) => sum + count, 0);
  if (counted < rows || counted > rows + 10) throw new Error(`${counted} of ${rows} wrong rows were counted`);
  return {
    what: `cdc-lab verify, ${rows.toLocaleString('en')} wrong rows`,
    value: ms,
    unit: 'ms',
    target: null,
  };
}

const bench: Bench = {
  title: `finding 10 wrong rows among ${ROWS.toLocaleString('en')} with keys and columns: ours against reladiff and data-diff`,
  async run({ workDir, progress }) {
    return await withPostgresPair(workDir, async (pair) => {
      await fillBoth(pair, 'items', ROWS);
      await plant(pair);
      const ms: Record<'ours' | 'reladiff' | 'dataDiff', number[]> = { ours: [], reladiff: [], dataDiff: [] };
      for (let round = 0; round <= ROUNDS; round++) {
        const own = await ours(pair);
        const reladiff = await peerRun('reladiff', pair, 'items', progress);
        const dataDiff = await peerRun('data-diff', pair, 'items', progress);
        check(reladiff.lines, 'reladiff');
        check(dataDiff.lines, 'data-diff');
        progress(
          `round ${round}: ours ${Math.round(own)}, reladiff ${Math.round(reladiff.ms)}, data-diff ${Math.round(dataDiff.ms)} ms`,
        );
        if (round === 0) continue;
        ms.ours.push(own);
        ms.reladiff.push(reladiff.ms);
        ms.dataDiff.push(dataDiff.ms);
      }
      const [own, reladiff, dataDiff] = [median(ms.ours), median(ms.reladiff), median(ms.dataDiff)];
      const scattered: Figure[] = [];
      for (const rows of [1_000, 2_500, 5_000, 10_000, 500_000]) scattered.push(await many(pair, rows));
      return [
        { what: 'cdc-lab verify', value: own, unit: 'ms', target: null, samples: ms.ours },
        { what: 'reladiff, 4 threads', value: reladiff, unit: 'ms', target: null, samples: ms.reladiff },
        { what: 'data-diff, 4 threads', value: dataDiff, unit: 'ms', target: null, samples: ms.dataDiff },
        { what: 'reladiff / cdc-lab verify', value: reladiff / own, unit: '×', target: { atLeast: 6 } },
        { what: 'data-diff / cdc-lab verify', value: dataDiff / own, unit: '×', target: null },
        ...scattered,
      ];
    });
  },
};
export default bench;
