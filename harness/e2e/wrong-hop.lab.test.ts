import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../verifier/report.ts';
import { openAccess } from '../access/live-access.ts';
import type { Instance } from '../lab/lab.ts';
import { until } from '../wait.ts';
import { type DrillLab, startDrillLab } from './testing/drill.ts';
import { RULE, SINK_DATABASE_DEFECTS, type SinkDatabaseDefect } from './testing/sink-database-defects.ts';

/** Generous, for a machine under load. */
const TIMEOUT_MS = 900_000;
const RATE = 200;
/** One defect of each class. Set `CDC_LAB_SINK_DEFECTS` to `all` or to names for others. */
const SAMPLE = ['adds-a-cent', 'drops-inserts', 'ignores-updates', 'keeps-deleted-rows'];
const wanted = process.env.CDC_LAB_SINK_DEFECTS ?? SAMPLE.join();
const defects = SINK_DATABASE_DEFECTS.filter(
  ({ name }) => wanted === 'all' || wanted.split(',').includes(name),
);
/** How many reports each defect is shown to; `npm run sink-defects` asks for more. */
const REPORTS = Number(process.env.CDC_LAB_SINK_REPORTS ?? 2);
const CONTENT: readonly string[] = ['missing', 'extra', 'stale', 'corrupted', 'duplicate'];

/** The sink creates a table when the first record of it arrives. */
const TABLES = `
  SELECT count(to_regclass(t))::int AS created
  FROM unnest(ARRAY['customers', 'orders', 'order_items', 'documents']) AS t`;

let lab: DrillLab;
beforeAll(async () => {
  lab = await startDrillLab();
}, TIMEOUT_MS);
afterAll(() => lab?.[Symbol.asyncDispose](), TIMEOUT_MS);

/** Verifies repeatedly while the workload writes. */
async function reportsUnderLoad(
  instance: Instance,
  { install, edit }: Pick<SinkDatabaseDefect, 'install' | 'edit'>,
): Promise<readonly Report[]> {
  await using access = await openAccess(instance);
  const workload = await instance.startWorkload({ kind: 'mixed', rate: RATE, seed: 7, transactions: null });
  const reports: Report[] = [];
  try {
    await until(async () => (await access.query('sink', TABLES))[0]?.created === 4, {
      what: 'the sink to create its tables',
      withinMs: 60_000,
    });
    if (install !== undefined) await access.query('sink', install);
    const before = await access.committed();
    await until(async () => (await access.committed()) >= before + 3 * RATE, {
      what: 'transactions to be committed',
      withinMs: 60_000,
    });
    for (let i = 0; i < REPORTS; i++) {
      if (edit !== undefined) await access.query('sink', edit);
      const signal = AbortSignal.timeout(90_000);
      reports.push(await access.verify({ deadlineMs: 45_000, signal }));
    }
  } finally {
    await workload.stop();
  }
  return reports;
}

/** What a report says about the content of rows, one line for each finding. */
const found = ({ findings }: Report): readonly string[] =>
  findings
    .filter(({ class: name }) => CONTENT.includes(name))
    .map(({ class: name, table, hop }) => `${name} ${table} at ${hop}`);

describe.runIf(defects.length > 0)(
  'what the database of the sink does to rows while they are written is blamed on the sink, in every report',
  () => {
    test.each(defects)(
      '$name',
      async (defect) => {
        await using drill = await lab.instance(defect.name);
        const reports = await reportsUnderLoad(drill.instance, defect);
        expect(reports).toHaveLength(REPORTS);
        const line = (name: string): string => `${name} public.${defect.table} at sink`;
        const allowed = [defect.class, ...(defect.follows ?? [])].map(line);
        const wrong = reports
          .map((report, i) => ({ i, verdict: report.verdict, found: found(report) }))
          .filter(
            (one) =>
              one.verdict !== 'FAIL' ||
              !one.found.includes(line(defect.class)) ||
              one.found.some((each) => !allowed.includes(each)),
          );
        expect(wrong).toEqual([]);
      },
      TIMEOUT_MS,
    );
  },
);

test(
  'a rule on a copy stops the sink instead of losing deletes',
  async () => {
    await using drill = await lab.instance('rule');
    const last = (await reportsUnderLoad(drill.instance, { install: RULE })).at(-1);
    expect(last?.verdict).toBe('FAIL');
    expect(last?.findings.map((f) => `${f.class} @${f.hop}`)).toContain('connector-failed @sink');
  },
  TIMEOUT_MS,
);

test(
  'values that the capture garbles while they are written are blamed on the capture, in every report',
  async () => {
    const instance = await lab.lab.createInstance({
      name: 'bits',
      source: { file: 'source' },
      sink: { file: 'sink' },
      defects: { capture: ['flips-a-bit'] },
      verifyEveryMs: null,
      seedRows: 200,
      seed: 7,
    });
    await using _ = instance;
    const reports = await reportsUnderLoad(instance, {});
    expect(reports.map(({ verdict }) => verdict)).toEqual(reports.map(() => 'FAIL'));
    const lines = reports.flatMap(found);
    expect(lines.length).toBeGreaterThanOrEqual(REPORTS);
    expect([...new Set(lines)].filter((line) => !line.endsWith('at capture'))).toEqual([]);
  },
  TIMEOUT_MS,
);
