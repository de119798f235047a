import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import type { Check } from '../check.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import { type Report, reportSchema } from '../report.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { verify } from './verify.ts';

/** A pair of equal databases without Kafka: the fence has nothing to wait for. */
const SHOP = `
  CREATE TABLE customers (id int PRIMARY KEY, name text, version bigint);
  CREATE TABLE orders (id int PRIMARY KEY, customer_id int, amount numeric(12,2), version bigint);
  INSERT INTO customers SELECT i, 'c' || i, 1 FROM generate_series(1, 300) i;
  INSERT INTO orders SELECT i, i % 300 + 1, i, 1 FROM generate_series(1, 900) i`;
const FOREIGN_KEY =
  'ALTER TABLE orders ADD CONSTRAINT placed_by FOREIGN KEY (customer_id) REFERENCES customers';

interface Options {
  readonly checks?: readonly Check[];
  readonly config?: Partial<VerifierConfigInput>;
}

async function report(pair: DatabasePair, options: Options = {}): Promise<Report> {
  const config = parseConfig(
    {
      port: 0,
      stateDir: makeTestFolder(),
      source: { url: pair.sourceUrl, slot: null },
      sink: { url: pair.sinkUrl },
      kafka: null,
      deadlineMs: 5_000,
      ...options.config,
    },
    'test',
  );
  const made = await verify({ config, checks: options.checks ?? (await loadChecks()), deadlineMs: 5_000 });
  return reportSchema.parse(made);
}

async function shop(): Promise<DatabasePair> {
  const pair = await databasePair();
  await pair.onBoth(SHOP);
  await pair.onSource(FOREIGN_KEY);
  return pair;
}

test('an exact copy is a PASS with full coverage and no findings', async () => {
  await using pair = await shop();
  const made = await report(pair);
  expect(made).toMatchObject({ verdict: 'PASS', coverage: 1, findings: [] });
  expect(made.tables.map(({ table, checksumEqual }) => [table, checksumEqual])).toEqual([
    ['public.customers', true],
    ['public.orders', true],
  ]);
});

test.each([
  ['DELETE FROM orders WHERE id IN (1, 2)', 'missing-rows', 'missing', 2],
  [`INSERT INTO orders VALUES (9999, 1, 1, 1)`, 'extra-rows', 'extra', 1],
  [`UPDATE customers SET name = 'x' WHERE id = 3`, 'corrupted-rows', 'corrupted', 1],
  [`UPDATE customers SET version = 0 WHERE id <= 4`, 'stale-rows', 'stale', 4],
  [
    `ALTER TABLE orders DROP CONSTRAINT orders_pkey; INSERT INTO orders SELECT * FROM orders`,
    'duplicates',
    'duplicate',
    900,
  ],
  [`UPDATE orders SET customer_id = 777 WHERE id = 5`, 'orphans', 'orphan', 1],
  [`ALTER TABLE orders DROP COLUMN amount`, 'schema-compatibility', 'corrupted', 1],
] as const)('%s is a FAIL of %s', async (corruption, check, name, count) => {
  await using pair = await shop();
  await pair.onSink(corruption);
  const made = await report(pair);
  expect(made.verdict).toBe('FAIL');
  const own = made.findings.filter((finding) => finding.check === check);
  expect(own.map((finding) => [finding.class, finding.count, finding.verdict])).toEqual([
    [name, count, 'FAIL'],
  ]);
  expect(made.checks.find((one) => one.check === check)?.verdict).toBe('FAIL');
  // Another check may report the same rows, but no check reports anything else.
  const also: Record<string, string[]> = {
    orphans: ['corrupted-rows'],
    'schema-compatibility': ['corrupted-rows'],
  };
  const others = new Set(made.findings.map((finding) => finding.check).filter((one) => one !== check));
  expect([...others].filter((one) => !(also[check] ?? []).includes(one))).toEqual([]);
});

test('a finding names keys and columns, but no value', async () => {
  await using pair = await shop();
  await pair.onSink(`UPDATE customers SET name = 'canary-secret' WHERE id = 3`);
  const made = await report(pair);
  expect(made.findings[0]?.first).toMatchObject({ key: { id: '3' }, columns: ['name'] });
  expect(JSON.stringify(made)).not.toContain('canary-secret');
});

test.each([
  ['throws', () => Promise.reject(new Error('planted'))],
  ['returns nothing', () => Promise.resolve(undefined)],
  ['returns half a result', () => Promise.resolve({ verdict: 'PASS' })],
])('if any check %s, the verdict is INCONCLUSIVE and never PASS', async (_, run) => {
  await using pair = await shop();
  const checks = await loadChecks();
  for (const sick of checks) {
    const planted = { ...sick, run: run as unknown as Check['run'] };
    const made = await report(pair, { checks: checks.map((one) => (one === sick ? planted : one)) });
    expect([sick.name, made.verdict]).toEqual([sick.name, 'INCONCLUSIVE']);
  }
});

test('a verification without checks is INCONCLUSIVE', async () => {
  await using pair = await shop();
  expect((await report(pair, { checks: [] })).verdict).toBe('INCONCLUSIVE');
});

test('a table that the verifier may not read reduces the coverage, and is never a PASS', async () => {
  await using pair = await shop();
  await pair.onSource(`DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cdc_lab_reader') THEN
    CREATE ROLE cdc_lab_reader LOGIN PASSWORD 'reader'; END IF; END $$; GRANT SELECT ON customers TO cdc_lab_reader`);
  const url = Object.assign(new URL(pair.sourceUrl), { username: 'cdc_lab_reader', password: 'reader' }).href;
  const made = await report(pair, { config: { source: { url, slot: null } } });
  expect(made).toMatchObject({ verdict: 'INCONCLUSIVE', coverage: 0.5 });
});

test('a configured table that the source does not have reduces the coverage', async () => {
  await using pair = await shop();
  const made = await report(pair, { config: { tables: ['public.customers', 'public.costumers'] } });
  expect(made).toMatchObject({ verdict: 'INCONCLUSIVE', coverage: 0.5 });
});

test.each(['source', 'sink'] as const)('an unreachable %s is INCONCLUSIVE, with the reason', async (side) => {
  await using pair = await shop();
  const url = 'postgres://postgres@127.0.0.1:9/none';
  const made = await report(pair, {
    config: side === 'source' ? { source: { url, slot: null } } : { sink: { url } },
  });
  expect(made.verdict).toBe('INCONCLUSIVE');
  expect(made.checks.find(({ check }) => check === 'fence')?.detail).toContain(
    `${side} database cannot be reached`,
  );
});

test('a broker that does not answer is INCONCLUSIVE', async () => {
  await using pair = await shop();
  const made = await report(pair, { config: { kafka: { bootstrapServers: ['127.0.0.1:9'] } } });
  expect(made.verdict).toBe('INCONCLUSIVE');
  expect(made.checks.find(({ check }) => check === 'fence')?.detail).toContain(
    'Kafka at 127.0.0.1:9 cannot be reached',
  );
});

test('a slot that does not exist is INCONCLUSIVE', async () => {
  await using pair = await shop();
  const made = await report(pair, { config: { source: { url: pair.sourceUrl, slot: 'no_such_slot' } } });
  expect(made.verdict).toBe('INCONCLUSIVE');
  expect(made.checks.find(({ check }) => check === 'fence')?.detail).toContain('no_such_slot does not exist');
});

test('a schema difference that can hold every value is compatible; one that may lose values is breaking, and a WARN', async () => {
  await using pair = await shop();
  await pair.onSink('ALTER TABLE customers ALTER COLUMN version TYPE numeric, ADD COLUMN note text');
  const detailOf = (made: Report) =>
    made.checks.find(({ check }) => check === 'schema-compatibility')?.detail;
  const compatible = await report(pair);
  expect(compatible).toMatchObject({ verdict: 'PASS', findings: [] });
  expect(detailOf(compatible)).toMatch(/compatible: column version .* is bigint .* and numeric in the sink/);
  expect(detailOf(compatible)).toContain('compatible: the copy of public.customers has column note');
  await pair.onSink(`UPDATE customers SET note = 'x'; ALTER TABLE customers ALTER COLUMN note SET NOT NULL`);
  const breaking = await report(pair);
  expect(breaking.verdict).toBe('WARN');
  expect(detailOf(breaking)).toMatch(
    /breaking: column note of public.customers is NOT NULL without a default/,
  );
});

test('a generated column is reported if the copy lacks it, and compared if the copy has it', async () => {
  await using pair = await shop();
  await pair.onSource('ALTER TABLE orders ADD COLUMN twice numeric GENERATED ALWAYS AS (amount * 2) STORED');
  const reported = async (): Promise<string[]> => {
    const { verdict, checks } = await report(pair);
    return [verdict, checks.find(({ check }) => check === 'schema-compatibility')?.detail ?? ''];
  };
  expect(await reported()).toEqual([
    'PASS',
    expect.stringMatching(/compatible: column twice .* not compared$/),
  ]);
  await pair.onSink('ALTER TABLE orders ADD COLUMN twice numeric');
  expect(await reported()).toEqual(['FAIL', 'the columns of 2 tables fit']);
});

test('a lossy type is a WARN as long as every value is still equal', async () => {
  await using pair = await shop();
  await pair.onSink('ALTER TABLE customers ALTER COLUMN version TYPE int');
  const made = await report(pair);
  expect(made.verdict).toBe('WARN');
  expect(made.findings).toMatchObject([
    { check: 'schema-compatibility', class: 'schema', table: 'public.customers' },
  ]);
});
