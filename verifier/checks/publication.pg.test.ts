import { expect, test } from 'vitest';
import type { CheckResult } from '../check.ts';
import { readCatalogue } from '../observe/source/catalogue.ts';
import { contextOf } from '../testing/context.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import check from './publication.ts';

const SHOP = `
  CREATE TABLE customers (id int PRIMARY KEY, name text, note text);
  CREATE TABLE orders (id int PRIMARY KEY);
  CREATE TABLE events (id int, at date) PARTITION BY RANGE (at);
  CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')`;

async function shop(publication: string): Promise<DatabasePair> {
  const pair = await databasePair();
  await pair.onSource(`${SHOP}; CREATE PUBLICATION p FOR ${publication}`);
  return pair;
}

async function run(pair: DatabasePair, publication: string | null = 'p'): Promise<CheckResult> {
  const source = await readCatalogue(pair.source);
  const catalogues = async () => ({
    source,
    copies: new Map(),
    expected: [...source.values()],
    unknown: [],
    absent: [],
    misnamed: [],
  });
  const config = { source: { url: pair.sourceUrl, slot: null, publication } };
  return await check.run(
    contextOf({ config, databases: { source: async () => pair.source }, evidence: { catalogues } }),
  );
}

test.each(['ALL TABLES', 'TABLE customers, orders, events', 'TABLE customers, orders, events_1'])(
  'FOR %s publishes every table: a PASS',
  async (publication) => {
    await using pair = await shop(publication);
    expect(await run(pair)).toMatchObject({ verdict: 'PASS', findings: [] });
  },
);

test.each([
  ['ALTER PUBLICATION p DROP TABLE orders', 'public.orders', 'public.orders is not in p'],
  [
    'ALTER PUBLICATION p SET TABLE customers (id, name), orders, events',
    'public.customers',
    'leaves out note',
  ],
  [
    'ALTER PUBLICATION p SET TABLE customers WHERE (id > 5), orders, events',
    'public.customers',
    'filters the rows of public.customers',
  ],
  ["ALTER PUBLICATION p SET (publish = 'insert, update')", null, 'does not publish DELETE'],
])(
  'after %s the verdict is INCONCLUSIVE, even if all rows are still equal',
  async (change, table, detail) => {
    await using pair = await shop('TABLE customers, orders, events');
    await pair.onSource(change);
    const result = await run(pair);
    expect(result.verdict).toBe('INCONCLUSIVE');
    expect(result.detail).toContain(detail);
    expect(result.findings[0]).toMatchObject({ class: 'evidence-missing', hop: 'capture', table });
  },
);

test('a missing publication is an error, and never a PASS', async () => {
  await using pair = await shop('ALL TABLES');
  await pair.onSource('DROP PUBLICATION p');
  await expect(run(pair)).rejects.toThrow('the source has no publication p');
  expect((await run(pair, null)).verdict).toBe('PASS');
});
