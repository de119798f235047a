import { expect, test } from 'vitest';
import { readCatalogue } from '../observe/source/catalogue.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { fromBlocks } from './blocks.ts';
import { differingBuckets, digest } from './bucket-digest.ts';
import type { Suspect } from './drill-down.ts';
import { type BadBuckets, differingKeys, type Way } from './localise.ts';
import { sketchedKeys } from './sketch.ts';
import { pairTables } from './table-pair.ts';

const BUCKETS = 64;

type Found = Omit<Suspect, 'keyHash'>;

async function localise(
  pair: DatabasePair,
  way: Way,
  own: Partial<BadBuckets> = {},
  most = 10_000,
): Promise<Found[]> {
  const [ours, theirs] = [await readCatalogue(pair.source), await readCatalogue(pair.sink)];
  const table = ours.get('public.items');
  if (table === undefined) throw new Error('no table');
  const tables = pairTables(table, theirs.get('public.items'));
  return await pair.source.snapshot(() =>
    pair.sink.snapshot(async () => {
      const digests = [
        await digest(pair.source, tables.sides.source, BUCKETS),
        await digest(pair.sink, tables.sides.sink, BUCKETS),
      ] as const;
      const bad = differingBuckets(...digests);
      const found = { bad, buckets: BUCKETS, rows: digests[0].rows, knownRows: 0, ...own };
      const suspects: Found[] = [];
      for await (const one of differingKeys(pair.source, pair.sink, tables, found, { most }, way)) {
        const { keyHash, ...rest } = one;
        suspects.push(rest);
      }
      return suspects.sort((a, b) => ((a.keyText ?? '') < (b.keyText ?? '') ? -1 : 1));
    }),
  );
}

const ITEMS = `CREATE TABLE items (id text PRIMARY KEY, v text);
  INSERT INTO items SELECT 'k' || i, 'v' || i FROM generate_series(1, 3000) i`;
const WAYS: Way[] = ['buckets', 'sketch', 'merge'];

test.each(WAYS)('by %s, exactly the planted differences are found', async (way) => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  expect(await localise(pair, way)).toEqual([]);
  await pair.onSink(`DELETE FROM items WHERE id = 'k7'; INSERT INTO items VALUES ('hand', NULL);
    UPDATE items SET v = 'other' WHERE id = 'k9';
    UPDATE items SET v = CASE id WHEN 'k20' THEN 'v21' ELSE 'v20' END WHERE id IN ('k20', 'k21')`);
  expect(await localise(pair, way)).toEqual([
    { keyText: '["hand"]', sourceRows: 0, sinkRows: 1 },
    { keyText: '["k20"]', sourceRows: 1, sinkRows: 1 },
    { keyText: '["k21"]', sourceRows: 1, sinkRows: 1 },
    { keyText: '["k7"]', sourceRows: 1, sinkRows: 0 },
    { keyText: '["k9"]', sourceRows: 1, sinkRows: 1 },
  ]);
});

test('of many differences the first are listed, and all are counted by the number of rows on each side', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink(`ALTER TABLE items DROP CONSTRAINT items_pkey;
    INSERT INTO items SELECT * FROM items WHERE right(id, 2) = '11'; DELETE FROM items WHERE right(id, 2) = '22';
    INSERT INTO items SELECT 'new' || id, v FROM items WHERE right(id, 2) = '33';
    UPDATE items SET v = v || '.' WHERE right(id, 1) = '4'`);
  const tally = (found: readonly Found[]) =>
    Object.fromEntries(
      [...Map.groupBy(found, (one) => `${one.sourceRows}:${one.sinkRows}`)].map(([rows, own]) => [
        rows,
        own.length,
      ]),
    );
  const all = { '1:2': 30, '1:0': 30, '0:1': 30, '1:1': 300 };
  const buckets = await localise(pair, 'buckets');
  expect(tally(buckets)).toEqual(all);
  expect(await localise(pair, 'merge')).toEqual(buckets);
  const few = await localise(pair, 'merge', {}, 7);
  expect(tally(few)).toEqual(all);
  const listed = few.filter(({ keyText }) => keyText !== null);
  expect(listed).toHaveLength(7);
  expect(buckets).toEqual(expect.arrayContaining(listed));
});

test('rows with a NULL key, in a copy without primary key, are found', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE items (id int PRIMARY KEY, v text);
    INSERT INTO items SELECT i, 'v' FROM generate_series(1, 3000) i`);
  await pair.onSink(`ALTER TABLE items DROP CONSTRAINT items_pkey; ALTER TABLE items ALTER id DROP NOT NULL;
    INSERT INTO items VALUES (NULL, 'x')`);
  for (const way of WAYS) {
    expect(await localise(pair, way)).toEqual([{ keyText: '[null]', sourceRows: 0, sinkRows: 1 }]);
  }
});

const NUMBERS = 'SELECT i * 7 - 9000 AS id FROM generate_series(1, 3000) i';

test.each(['int2', 'int4', 'int8'])(
  'in blocks of %s keys, negative ones included, planted differences are found, even if the copy has another integer type',
  async (type) => {
    await using pair = await databasePair();
    await pair.onSource(
      `CREATE TABLE items (id ${type} PRIMARY KEY, block text); INSERT INTO items ${NUMBERS}`,
    );
    await pair.onSink(`CREATE TABLE items (id int8 PRIMARY KEY, block text); INSERT INTO items ${NUMBERS}`);
    for (const way of WAYS) expect(await localise(pair, way)).toEqual([]);
    await pair.onSink(`DELETE FROM items WHERE id IN (-8993, 12000);
      UPDATE items SET block = 'x' WHERE id BETWEEN -80 AND -60; INSERT INTO items VALUES (1e15)`);
    const keys = ['-61', '-68', '-75', '-8993', '1000000000000000', '12000'];
    for (const way of WAYS) {
      expect((await localise(pair, way)).map(({ keyText }) => keyText)).toEqual(
        keys.map((key) => `["${key}"]`),
      );
    }
  },
);

test('blocks of keys are read by the index; without an index, or with sparse keys, all rows are read', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE items (id int8 PRIMARY KEY, v text);
    INSERT INTO items SELECT i, 'v' FROM generate_series(1, 20000) i; ANALYZE items`);
  const tables = async () => {
    const [ours, theirs] = [await readCatalogue(pair.source), await readCatalogue(pair.sink)];
    const table = ours.get('public.items');
    if (table === undefined) throw new Error('no table');
    return pairTables(table, theirs.get('public.items')).sides;
  };
  const wanted = { buckets: BUCKETS, rows: 20_000, bad: `'{3,4}'` };
  const { source } = await tables();
  const read = await fromBlocks(pair.source, source, wanted);
  const plan = await pair.source.query(`EXPLAIN SELECT ${source.keyHash} FROM ${read}`);
  expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toMatch(/Index.* items_pkey/);
  const [few] = await pair.source.query(`SELECT count(*)::text AS n FROM ${read}`);
  const all = `SELECT count(*)::text AS n FROM items WHERE ${source.bucketHash} & ${BUCKETS - 1} IN (3, 4)`;
  await pair.source.query('SET search_path = public');
  expect(few).toEqual((await pair.source.query(all))[0]);
  await pair.onSource('INSERT INTO items VALUES (9e18, NULL)');
  expect(await fromBlocks(pair.source, source, wanted)).toBeNull();
  await pair.onSink('ALTER TABLE items DROP CONSTRAINT items_pkey');
  const { sink } = await tables();
  expect(sink?.bucketHash).toBe(source.bucketHash);
  expect(sink === null ? null : await fromBlocks(pair.sink, sink, wanted)).toBeNull();
});

test.each(WAYS)('by %s, neighbouring keys that differ and share a block are all found', async (way) => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE items (id int4 PRIMARY KEY, v text);
    INSERT INTO items SELECT i, 'v' FROM generate_series(1, 40000) i`);
  await pair.onSink(`UPDATE items SET v = 'x' WHERE id BETWEEN 2001 AND 4000`);
  expect(await localise(pair, way)).toHaveLength(2000);
});

test('scattered differences are decoded from the sketch; if there are too many, they are found by merging', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink(
    `UPDATE items SET v = 'x' WHERE right(id, 1) = '3'; DELETE FROM items WHERE right(id, 1) = '8'`,
  );
  // All buckets are bad, and 900 rows differ: the first sketch is sized for them, the second for far fewer.
  const all = await localise(pair, 'sketch', { knownRows: 900 });
  expect(all).toHaveLength(600);
  expect(await localise(pair, 'sketch', { bad: [1] })).toEqual(all);
});

test('a copy that holds a row several times defeats the sketch, and is found by merging', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink(`ALTER TABLE items DROP CONSTRAINT items_pkey; INSERT INTO items SELECT * FROM items WHERE id = 'k1';
    INSERT INTO items SELECT * FROM items WHERE id = 'k1'`);
  expect(await localise(pair, 'sketch')).toEqual([{ keyText: '["k1"]', sourceRows: 1, sinkRows: 4 }]);
});

test('the sketch yields the hashes of exactly the keys that differ', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSink(`UPDATE items SET v = 'x' WHERE id IN ('k1', 'k2', 'k3')`);
  const table = (await readCatalogue(pair.source)).get('public.items');
  if (table === undefined) throw new Error('no table');
  const tables = pairTables(table, (await readCatalogue(pair.sink)).get('public.items'));
  const keys = await pair.source.snapshot(() =>
    pair.sink.snapshot(() => sketchedKeys(pair.source, pair.sink, tables, 64)),
  );
  const { keyHash, from } = tables.sides.source;
  const wanted = await pair.source.query(
    `SELECT (${keyHash})::text AS k FROM ${from} WHERE id IN ('k1', 'k2', 'k3')`,
  );
  expect(keys).toEqual(new Set(wanted.map(({ k }) => BigInt(k ?? 0))));
});
