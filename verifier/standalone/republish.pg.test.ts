import { expect, test } from 'vitest';
import { databasePair } from '../testing/databases.ts';
import { requestFor } from '../testing/request.ts';
import { openPair } from './pair.ts';

const TABLE = `CREATE TABLE items (k text, "N" int, v text, version bigint, PRIMARY KEY (k, "N"));
  INSERT INTO items SELECT 'it''s "' || i % 2, i, 'secret value', 1 FROM generate_series(1, 900) i`;

test('the signals name the keys that a record can repair, in filters that find them at the source, and no values', async () => {
  await using pair = await databasePair();
  await pair.onBoth(TABLE);
  await pair.onSource('CREATE TABLE debezium_signal (id text PRIMARY KEY, type text, data text)');
  await pair.onSink(`DELETE FROM items WHERE "N" <= 600; UPDATE items SET v = 'x' WHERE "N" IN (700, 701);
    INSERT INTO items VALUES ('hand', 1, 'x', 1)`);
  const request = requestFor(pair, { tables: ['public.items'], fence: 'none', deadlineMs: 10_000 });
  const { republish } = await (await openPair(request)).verify(AbortSignal.timeout(40_000));
  expect(republish).toMatch(/602 keys, of 603 wrong rows counted/);
  expect(republish).not.toContain('secret value');
  await pair.onSource(republish ?? '');
  const signals = await pair.source.query('SELECT type, data FROM public.debezium_signal ORDER BY id');
  expect(signals).toHaveLength(2);
  let found = 0;
  for (const { type, data } of signals) {
    const read = JSON.parse(data ?? '');
    expect([type, read]).toMatchObject([
      'execute-snapshot',
      { 'data-collections': ['public.items'], type: 'incremental' },
    ]);
    const { filter } = read['additional-conditions'][0];
    const { n } = await pair.source.one(
      `SELECT count(*)::text AS n FROM public.items WHERE ${filter} AND ("N" <= 600 OR "N" IN (700, 701))`,
    );
    found += Number(n);
  }
  expect(found).toBe(602);
});
