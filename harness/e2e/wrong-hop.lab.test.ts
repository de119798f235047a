import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../verifier/report.ts';
import { openAccess } from '../access/live-access.ts';
import type { Instance } from '../lab/lab.ts';
import { until } from '../wait.ts';
import { type DrillLab, startDrillLab } from './testing/drill.ts';

/** Generous, for a machine under load. */
const TIMEOUT_MS = 900_000;
const RATE = 200;
const VERIFICATIONS = 10;
const CONTENT: readonly string[] = ['missing', 'extra', 'stale', 'corrupted', 'duplicate'];

/** Adds a cent to every third order that the sink writes. */
const TRIGGER = `
  CREATE FUNCTION add_a_cent() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF abs(hashtext(NEW.id::text)) % 3 = 0 THEN NEW.amount := NEW.amount + 0.01; END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER add_a_cent BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION add_a_cent()`;

let lab: DrillLab;
beforeAll(async () => {
  lab = await startDrillLab();
}, TIMEOUT_MS);
afterAll(() => lab?.[Symbol.asyncDispose](), TIMEOUT_MS);

/** Verifies repeatedly while the workload writes. @returns what was found in the rows, one line for each finding. */
async function foundUnderLoad(instance: Instance, sinkSql: string | null): Promise<readonly string[]> {
  await using access = await openAccess(instance);
  const workload = await instance.startWorkload({ kind: 'mixed', rate: RATE, seed: 7, transactions: null });
  const findings: Finding[] = [];
  try {
    await until(
      async () => (await access.query('sink', "SELECT to_regclass('orders') AS t"))[0]?.t !== null,
      {
        what: 'the sink to create its tables',
        withinMs: 60_000,
      },
    );
    if (sinkSql !== null) await access.query('sink', sinkSql);
    const before = await access.committed();
    await until(async () => (await access.committed()) >= before + 3 * RATE, {
      what: 'transactions to be committed',
      withinMs: 60_000,
    });
    for (let i = 0; i < VERIFICATIONS; i++) {
      const signal = AbortSignal.timeout(90_000);
      const report = await access.verify({ deadlineMs: 45_000, signal });
      expect(report.verdict).toBe('FAIL');
      findings.push(...report.findings.filter(({ class: name }) => CONTENT.includes(name)));
    }
  } finally {
    await workload.stop();
  }
  return findings.map(({ class: name, table, hop }) => `${name} ${table} at ${hop}`);
}

test(
  'rows that the sink garbles while they are written are blamed on the sink, in every report',
  async () => {
    await using drill = await lab.instance('cents');
    const found = await foundUnderLoad(drill.instance, TRIGGER);
    expect(found.length).toBeGreaterThanOrEqual(VERIFICATIONS);
    expect([...new Set(found)]).toEqual(['corrupted public.orders at sink']);
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
    const found = await foundUnderLoad(instance, null);
    expect(found.length).toBeGreaterThanOrEqual(VERIFICATIONS);
    expect([...new Set(found)].filter((line) => !line.endsWith('at capture'))).toEqual([]);
  },
  TIMEOUT_MS,
);
