import { expect, test } from 'vitest';
import { compare, found } from '../testing/compare.ts';
import { databasePair } from '../testing/databases.ts';

const ITEMS = `
  CREATE TABLE items (id int PRIMARY KEY, name text, note varchar(40), amount numeric, version bigint);
  INSERT INTO items SELECT i, 'name ' || i, 'note', i * 1.10, 1 FROM generate_series(1, 2000) i`;

test('equal tables are equal, in whatever order their rows were written', async () => {
  await using pair = await databasePair();
  await pair.onSource(ITEMS);
  await pair.onSink(ITEMS.replace('i FROM', 'i FROM').replace('(1, 2000) i', '(1, 2000) i ORDER BY i DESC'));
  const comparison = await compare(pair);
  expect(found(comparison)).toEqual({});
  expect(comparison).toMatchObject({ equal: true, sourceRows: 2000, sinkRows: 2000, inFlight: [] });
});

test('each kind of wrong row is found, counted and named', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ITEMS}; UPDATE items SET name = 'new', version = 2 WHERE id = 9`);
  await pair.onSink(`${ITEMS};
    DELETE FROM items WHERE id IN (5, 6, 7);
    INSERT INTO items VALUES (9001, 'by hand', NULL, 0, 1);
    UPDATE items SET note = 'flipped' WHERE id = 11`);
  const comparison = await compare(pair);
  expect(found(comparison)).toEqual({ missing: 3, extra: 1, stale: 1, corrupted: 1 });
  const rows = Object.fromEntries(comparison.wrong.map((row) => [row.keyText, row]));
  expect(rows['["9"]']).toMatchObject({ class: 'stale', columns: ['name', 'version'] });
  expect(rows['["11"]']).toMatchObject({ class: 'corrupted', columns: ['note'] });
  expect(rows['["9001"]']).toMatchObject({ class: 'extra', count: 1 });
});

test('repeated rows in a sink without primary key are duplicates, and a wrong newest one is also corrupted', async () => {
  await using pair = await databasePair();
  await pair.onSource(ITEMS);
  await pair.onSink(`${ITEMS}; ALTER TABLE items DROP CONSTRAINT items_pkey;
    INSERT INTO items SELECT * FROM items WHERE id <= 20; INSERT INTO items SELECT * FROM items WHERE id = 1`);
  expect(found(await compare(pair))).toEqual({ duplicate: 22 });
  await pair.onSink(`UPDATE items SET name = 'wrong' WHERE id = 2`);
  expect(found(await compare(pair))).toEqual({ duplicate: 22, corrupted: 1 });
});

test('a table with every row twice is counted to the last row, beyond the keys that are settled one by one', async () => {
  await using pair = await databasePair();
  await pair.onSource(ITEMS);
  await pair.onSink(
    `${ITEMS}; ALTER TABLE items DROP CONSTRAINT items_pkey; INSERT INTO items SELECT * FROM items`,
  );
  expect(found(await compare(pair))).toEqual({ duplicate: 2000 });
});

test('a column that the sink lacks corrupts every row that has a value there, and is named', async () => {
  await using pair = await databasePair();
  await pair.onBoth(ITEMS);
  await pair.onSource(
    `ALTER TABLE items ADD COLUMN tier text; UPDATE items SET tier = 'gold' WHERE id <= 30`,
  );
  const comparison = await compare(pair);
  expect(found(comparison)).toEqual({ corrupted: 30 });
  expect(comparison.wrong[0]?.columns).toEqual(['tier']);
});

test('all rows of a table that the sink does not have are missing', async () => {
  await using pair = await databasePair();
  await pair.onSource(ITEMS.replace('2000', '200'));
  expect(found(await compare(pair))).toEqual({ missing: 200 });
});

test('a table without primary key is compared as a multiset', async () => {
  await using pair = await databasePair();
  await pair.onBoth(
    `CREATE TABLE items (a int, b text); INSERT INTO items VALUES (1, 'x'), (1, 'x'), (2, NULL)`,
  );
  expect(found(await compare(pair))).toEqual({});
  await pair.onSink(`INSERT INTO items VALUES (1, 'x')`);
  expect(found(await compare(pair))).toEqual({ duplicate: 1 });
  await pair.onSource(`INSERT INTO items VALUES (1, 'x'), (2, NULL)`);
  expect(found(await compare(pair))).toEqual({ missing: 1 });
});

const LOOKALIKES: [string, string, string, string][] = [
  ['NULL and the empty text', 'text', `NULL`, `''`],
  ['NULL and the text null', 'text', `NULL`, `'null'`],
  ['1.10 and 1.1', 'numeric', '1.10', '1.1'],
  ['0 and -0', 'float8', '0', `'-0'`],
  ['one month and thirty days', 'interval', `'1 month'`, `'30 days'`],
  ['1 and 2^32', 'int8', '1', '4294967296'],
  ['instants a microsecond apart', 'timestamptz', `'2026-01-01 00:00:00.000001Z'`, `'2026-01-01 00:00:00Z'`],
  ['json with different white space', 'json', `'{"a": 1}'`, `'{"a":1}'`],
  ['jsonb 1 and 1.0', 'jsonb', `'1'`, `'1.0'`],
  ['floats in their last digit', 'float8', '0.1', '0.10000000000000002'],
  ['an array and one with a further NULL', 'text[]', `'{a}'`, `'{a,NULL}'`],
  ['bit strings of different lengths', 'varbit', `B'10'`, `B'100'`],
  ['letters that a collation considers equal', 'text COLLATE ci', `'A'`, `'a'`],
];
test.each(LOOKALIKES)('%s are distinguished', async (_, type, ours, theirs) => {
  await using pair = await databasePair();
  const ci = `CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`;
  await pair.onBoth(
    `${type.includes('ci') ? ci : 'SELECT 1'}; CREATE TABLE items (id uuid PRIMARY KEY, v ${type})`,
  );
  const insert = (v: string) => `INSERT INTO items VALUES ('00000000-0000-0000-0000-000000000001', ${v})`;
  await pair.onSource(insert(ours));
  await pair.onSink(insert(theirs));
  const comparison = await compare(pair);
  expect(found(comparison)).toEqual({ corrupted: 1 });
  expect(comparison.wrong[0]?.columns).toEqual(['v']);
});

test('a character that moves from one column to the next is a difference', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (id int PRIMARY KEY, a text, b text)');
  await pair.onSource(`INSERT INTO items VALUES (1, 'x|y', 'z'), (2, NULL, '')`);
  await pair.onSink(`INSERT INTO items VALUES (1, 'x', 'y|z'), (2, '', NULL)`);
  const comparison = await compare(pair);
  expect(found(comparison)).toEqual({ corrupted: 2 });
});

test('keys of two columns that join to the same text are different keys', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (a text, b text, v int, PRIMARY KEY (b, a))');
  await pair.onSource(`INSERT INTO items VALUES ('x', 'y,z', 1), ('x,y', 'z', 2)`);
  await pair.onSink(`INSERT INTO items VALUES ('x', 'y,z', 2), ('x,y', 'z', 1)`);
  expect(found(await compare(pair))).toEqual({ corrupted: 2 });
});

test('two equal wrong rows, which an XOR would cancel, are both found', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (a int, b int)');
  await pair.onSink('INSERT INTO items VALUES (7, 7), (7, 7)');
  expect(found(await compare(pair))).toEqual({ extra: 2 });
});

test('values are equal across the types that sinks use for them: enum, varchar, timestamp, json', async () => {
  await using pair = await databasePair();
  await pair.onSource(`CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN money_t AS numeric(10,2);
    CREATE TABLE items (id bigint PRIMARY KEY, m mood, c char(5), t timestamptz, j json, s smallint, d money_t,
                        e mood[], f real[], r real)`);
  await pair.onSink(`CREATE TABLE items (id bigint PRIMARY KEY, m text, c text, t timestamp, j jsonb, s int,
                                         d numeric, e text[], f text[], r float8)`);
  const row = `INSERT INTO items VALUES (1, 'ok', 'ab   ', '2026-01-01 12:00:00.5', '{"b":1,"a":2}', 3, 4.50, '{ok}', '{0.1}', 1)`;
  await pair.onBoth(`SET TIME ZONE 'UTC'; ${row}`);
  const reals = [0.1, '3.4028235e38', '1e-45', '-0', "'NaN'", "'-Infinity'"].map(
    (value, i) => `(${i + 2}, ${value})`,
  );
  await pair.onBoth(`INSERT INTO items (id, r) VALUES ${reals.join(', ')}`);
  await pair.onSink('UPDATE items SET r = r::real WHERE id > 3');
  expect(found(await compare(pair))).toEqual({});
  await pair.onSink(
    'UPDATE items SET r = CASE id WHEN 2 THEN 0.10000001 WHEN 3 THEN 1e300 ELSE 1e-300 END WHERE id < 5',
  );
  expect(found(await compare(pair))).toEqual({ corrupted: 4 });
});

test('two rows that swap the values of a column are both found, even in the same bucket', async () => {
  await using pair = await databasePair();
  const rows = `INSERT INTO items SELECT i, 'name ' || i, 'note', i * 1.10, i FROM generate_series(1, 400) i`;
  await pair.onBoth(`${ITEMS.split('INSERT')[0]}; ${rows}`);
  // 400 rows in 64 buckets: some of these pairs share a bucket, where sums of columns' hashes would stay the same.
  await pair.onSink(`UPDATE items SET name = 'name ' || (401 - id)`);
  expect(found(await compare(pair))).toEqual({ corrupted: 400 });
  await pair.onSink(`UPDATE items SET name = 'name ' || id, amount = (401 - id) * 1.10`);
  const { pair: sql } = await compare(pair);
  const { rowHash, from } = sql.sides.source;
  const sum = `SELECT sum(${rowHash})::text AS sum FROM ${from} WHERE id IN (7, 394)`;
  const [ours, theirs] = [await pair.source.one(sum), await pair.sink.one(sum)];
  expect(ours.sum).not.toBe(theirs.sum);
});

test('an enum is compared by label, though its oid differs between the databases', async () => {
  await using pair = await databasePair();
  await pair.onSink(`CREATE TYPE other AS ENUM ('x')`);
  await pair.onBoth(`CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE items (m mood PRIMARY KEY, v mood); INSERT INTO items VALUES ('sad', 'ok'), ('ok', NULL)`);
  expect(found(await compare(pair))).toEqual({});
  await pair.onSink(`UPDATE items SET v = 'sad' WHERE m = 'sad'`);
  expect(found(await compare(pair))).toEqual({ corrupted: 1 });
});
