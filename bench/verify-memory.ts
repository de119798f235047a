import { withDatabase } from '../fixtures/database.ts';
import type { Bench, Figure } from './lib/bench.ts';
import { type PostgresPair, withPostgresPair } from './lib/postgres-pair.ts';
import { fillBoth, verifyProcess } from './lib/verify-tables.ts';

const SMALL = Number(process.env.CDC_LAB_BENCH_ROWS ?? 10_000_000) / 10;
const MIB = 1024 ** 2;
const MOST_MIB = 256;

interface Case {
  readonly what: string;
  /** SQL that makes rows wrong; null for none. */
  readonly plant: ((table: string) => string) | null;
  readonly wrong: (rows: number) => number;
}

const CASES: readonly Case[] = [
  { what: 'equal', plant: null, wrong: () => 0 },
  {
    what: 'one row in a thousand wrong',
    plant: (table) => `UPDATE ${table} SET status = 'x' WHERE id % 1000 = 7`,
    wrong: (rows) => rows / 1000,
  },
  {
    what: 'half of the rows wrong',
    plant: (table) => `UPDATE ${table} SET status = 'y' WHERE id % 2 = 1`,
    wrong: (rows) => rows / 2,
  },
];

async function peak(pair: PostgresPair, rows: number, own: Case): Promise<number> {
  const table = `items_${rows}`;
  const { plant } = own;
  if (plant !== null) await withDatabase(pair.sinkUrl, (client) => client.query(plant(table)));
  const { report, peakRssBytes } = await verifyProcess(pair, table);
  const counted = report.findings.reduce((sum, { count }) => sum + count, 0);
  if (counted !== own.wrong(rows)) {
    throw new Error(
      `${counted} of ${own.wrong(rows)} wrong rows: ${report.verdict} ${JSON.stringify(report.checks)}`,
    );
  }
  return peakRssBytes / MIB;
}

const bench: Bench = {
  title: `peak resident memory of the verifier's process by number of rows and of differences, against a fixed bound`,
  async run({ workDir, progress }) {
    return await withPostgresPair(workDir, async (pair) => {
      const figures: Figure[] = [];
      const peaks = new Map<string, number>();
      for (const rows of [SMALL, SMALL * 10]) {
        progress(`filling ${rows.toLocaleString('en')} rows a side …`);
        await fillBoth(pair, `items_${rows}`, rows);
        for (const own of CASES) {
          const value = await peak(pair, rows, own);
          peaks.set(`${rows} ${own.what}`, value);
          progress(`${rows.toLocaleString('en')} rows, ${own.what}: ${value.toFixed(0)} MiB`);
          const what = `${rows.toLocaleString('en')} rows, ${own.what}`;
          figures.push({ what, value, unit: 'MiB', target: { atMost: MOST_MIB } });
        }
      }
      for (const { what } of CASES) {
        const grown = (peaks.get(`${SMALL * 10} ${what}`) ?? 0) / (peaks.get(`${SMALL} ${what}`) ?? 1);
        figures.push({
          what: `ten times the rows, ${what}`,
          value: grown,
          unit: '×',
          target: { atMost: 1.25 },
        });
      }
      return figures;
    });
  },
};
export default bench;
