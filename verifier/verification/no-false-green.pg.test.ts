import pg from 'pg';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import type { DatabasePair } from '../testing/databases.ts';
import { shop } from '../testing/shop.ts';
import { verify } from './verify.ts';

async function report(pair: DatabasePair, own: Partial<VerifierConfigInput> = {}): Promise<Report> {
  const config = parseConfig(
    {
      ...{ port: 0, stateDir: makeTestFolder(), kafka: null, deadlineMs: 5_000 },
      source: { url: pair.sourceUrl, slot: null },
      sink: { url: pair.sinkUrl },
      ...own,
    },
    'test',
  );
  return await verify({ config, checks: await loadChecks(), deadlineMs: 5_000 });
}

/** A role that may read the whole shop except one column of one side. */
async function withoutColumn(pair: DatabasePair, side: 'source' | 'sink'): Promise<string> {
  const on = side === 'source' ? pair.onSource : pair.onSink;
  await on(`DO $$ BEGIN CREATE ROLE cdc_lab_half LOGIN PASSWORD 'half';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
    GRANT SELECT ON customers TO cdc_lab_half; GRANT SELECT ON orders TO cdc_lab_half;
    REVOKE SELECT ON orders FROM cdc_lab_half; GRANT SELECT (id, version) ON orders TO cdc_lab_half`);
  const url = new URL(side === 'source' ? pair.sourceUrl : pair.sinkUrl);
  return Object.assign(url, { username: 'cdc_lab_half', password: 'half' }).href;
}

test.each(['source', 'sink'] as const)(
  'a column that the verifier may not read on the %s reduces the coverage, with the reason',
  async (side) => {
    await using pair = await shop();
    const url = await withoutColumn(pair, side);
    for (const fence of ['settle', 'none'] as const) {
      const made = await report(pair, { fence, [side]: side === 'source' ? { url, slot: null } : { url } });
      expect([fence, made.verdict, made.coverage]).toEqual([fence, 'INCONCLUSIVE', 0.5]);
      const detail = made.checks.find(({ check }) => check === 'row-counts')?.detail;
      expect(detail).toMatch(/public\.orders was not compared: .*(SELECT privilege|permission denied)/);
    }
  },
);

test('rows that a policy hides are not taken for missing rows: INCONCLUSIVE, with the reason', async () => {
  await using pair = await shop();
  const role = `DO $$ BEGIN CREATE ROLE cdc_lab_policed LOGIN PASSWORD 'policed';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO cdc_lab_policed`;
  await pair.onBoth(`${role}; ALTER TABLE orders ENABLE ROW LEVEL SECURITY`);
  await pair.onSink('DELETE FROM orders');
  const as = (url: string) =>
    Object.assign(new URL(url), { username: 'cdc_lab_policed', password: 'policed' }).href;
  const source = { url: as(pair.sourceUrl), slot: null };
  const made = await report(pair, { fence: 'none', source, sink: { url: as(pair.sinkUrl) } });
  expect([made.verdict, made.coverage]).toEqual(['INCONCLUSIVE', 0.5]);
  const detail = made.checks.find(({ check }) => check === 'row-counts')?.detail;
  expect(detail).toMatch(/public\.orders was not compared: .*row-level security/);
});

test('a table that was dropped from the publication is never a PASS, even if it is still equal', async () => {
  await using pair = await shop();
  await pair.onSource('CREATE PUBLICATION p FOR TABLE customers, orders');
  const source = { url: pair.sourceUrl, slot: null, publication: 'p' };
  expect((await report(pair, { source })).verdict).toBe('PASS');
  await pair.onSource('ALTER PUBLICATION p DROP TABLE orders');
  const made = await report(pair, { source });
  expect(made.verdict).toBe('INCONCLUSIVE');
  expect(made.tables.find(({ table }) => table === 'public.orders')?.verdict).toBe('INCONCLUSIVE');
});

test.each(['source', 'sink'] as const)(
  'a connection to the %s that breaks during the verification is INCONCLUSIVE, with the reason',
  async (side) => {
    await using pair = await shop();
    const url = side === 'source' ? pair.sourceUrl : pair.sinkUrl;
    const saboteur = new pg.Client({ connectionString: url });
    const killer = new pg.Client({ connectionString: url });
    await Promise.all([saboteur.connect(), killer.connect()]);
    try {
      // The backend is terminated while the scan of this table waits for the lock.
      await saboteur.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
      const making = report(pair, { fence: 'settle' });
      const ended = async () => {
        const { rowCount } = await killer.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE 'cdc-lab verifier%' AND wait_event_type = 'Lock'`,
        );
        return rowCount;
      };
      await expect.poll(ended, { timeout: 20_000 }).toBe(1);
      await saboteur.query('ROLLBACK');
      const made = await making;
      expect(made.verdict).toBe('INCONCLUSIVE');
      expect(made.coverage).toBeLessThan(1);
      const detail = made.checks.find(({ check }) => check === 'row-counts')?.detail;
      expect(detail).toMatch(new RegExp(`public\\.orders was not compared: ${side}: .*(terminat|closed)`));
    } finally {
      await Promise.all([saboteur.end(), killer.end()]);
    }
  },
);

test.each([
  ['events', `('c', 'e1', 't', 0, 5), ('c', 'e1', 't', 0, 6)`],
  ['records', `('c', 'e1', 't', 0, 5), ('c', 'e2', 't', 0, 5)`],
])('%s that are twice in the sink’s own table are a FAIL of duplicates', async (_, rows) => {
  await using pair = await shop();
  await pair.onSink(
    'CREATE TABLE _cdc_dedup (connector text, identity text, topic text, partition int, "offset" bigint)',
  );
  const own = { topicPrefix: 'p' };
  const topic = (text: string) => text.replaceAll(`'t'`, `'p.public.orders'`);
  await pair.onSink(topic(`INSERT INTO _cdc_dedup VALUES ('c', 'e1', 't', 0, 5), ('c', 'e2', 't', 0, 6)`));
  const whole = await report(pair, own);
  expect(whole.verdict).toBe('PASS');
  expect(whole.checks.find(({ check }) => check === 'duplicates')?.detail).toContain(
    '2 in _cdc_dedup, each once',
  );
  await pair.onSink(topic(`DELETE FROM _cdc_dedup; INSERT INTO _cdc_dedup VALUES ${rows}`));
  const made = await report(pair, own);
  expect(made.findings).toMatchObject([
    { check: 'duplicates', class: 'duplicate', verdict: 'FAIL', count: 1 },
  ]);
});
