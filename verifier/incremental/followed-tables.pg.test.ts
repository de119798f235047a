import { expect, test } from 'vitest';
import { databasePair } from '../testing/databases.ts';
import { howCompared, knowingService, wrongIn } from '../testing/following-service.ts';

const FILLED = `INSERT INTO items SELECT i, 'n' || i FROM generate_series(1, 100) i`;
const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, name text); ${FILLED}`;
const NOT_TOLD =
  'in the sink, no stream says which row was written (its replica identity, or not all of it is in the WAL)';

test.each([
  ['an unlogged table', `${ITEMS.replace('TABLE', 'UNLOGGED TABLE')}`, 'DELETE FROM items WHERE id = 70'],
  [
    'a partition that is unlogged',
    `CREATE TABLE items (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
     CREATE TABLE low PARTITION OF items FOR VALUES FROM (0) TO (50);
     CREATE UNLOGGED TABLE high PARTITION OF items FOR VALUES FROM (50) TO (1000); ${FILLED}`,
    'DELETE FROM items WHERE id = 70',
  ],
])('a copy of which no slot tells everything is compared whole: %s', async (_, copy, spoilt) => {
  await using pair = await databasePair();
  await pair.onSource(ITEMS);
  await pair.onSink(copy);
  await using service = await knowingService(pair);
  await pair.onSink(spoilt);
  const report = await service.verify();
  expect(wrongIn(report)).toContainEqual(['missing', '70']);
  expect(report.scans?.tables).toMatchObject([{ compared: 'whole', reason: NOT_TOLD }]);
});

test('writes to a table that inherits count for itself, and not for the table that it inherits from', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE things (id int PRIMARY KEY, name text);
    CREATE TABLE chairs (PRIMARY KEY (id)) INHERITS (things);
    INSERT INTO things SELECT i, 'n' FROM generate_series(1, 50) i;
    INSERT INTO chairs SELECT i, 'n' FROM generate_series(101, 120) i`);
  await using service = await knowingService(pair);
  await pair.onBoth(`INSERT INTO chairs VALUES (200, 'n')`);
  await pair.onSink('DELETE FROM chairs WHERE id = 110; DELETE FROM ONLY things WHERE id = 7');
  const report = await service.verify();
  expect(howCompared(report)).toEqual(['changed keys', 'changed keys']);
  const found = report.findings.map(({ table, class: name, first }) => [table, name, first?.key.id]);
  expect(found.toSorted()).toEqual([
    ['public.chairs', 'missing', '110'],
    ['public.things', 'missing', '7'],
  ]);
  expect(report.tables.map((own) => [own.table, own.sourceRows, own.sinkRows]).toSorted()).toEqual([
    ['public.chairs', 21, 20],
    ['public.things', 50, 49],
  ]);
});

const RENAMED = `ALTER TYPE mood RENAME VALUE 'sad' TO 'glum'`;

test.each([
  ['an enum', 'mood', 'sad', RENAMED],
  ['an array of it', 'mood[]', '{sad}', RENAMED],
  ['a domain over it', 'state', 'sad', RENAMED],
  ['a range of it', 'moods', '[sad,ok]', RENAMED],
  ['a multirange of it', 'many_moods', '{[sad,ok]}', RENAMED],
  ['a composite type with it', 'person', '(1,sad)', RENAMED],
  [
    'a composite type with an attribute more',
    'person',
    '(1,sad)',
    'ALTER TYPE person ADD ATTRIBUTE more int',
  ],
])(
  'a type that was altered changes the text of rows that nobody wrote: %s',
  async (_, type, value, altered) => {
    await using pair = await databasePair();
    await pair.onBoth(`CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN state AS mood;
    CREATE TYPE moods AS RANGE (SUBTYPE = mood, MULTIRANGE_TYPE_NAME = many_moods);
    CREATE TYPE person AS (id int, mood mood);
    CREATE TABLE items (id int PRIMARY KEY, v ${type}); INSERT INTO items VALUES (1, '${value}')`);
    await using service = await knowingService(pair);
    await pair.onSink(altered);
    const report = await service.verify();
    expect([wrongIn(report), howCompared(report)]).toEqual([[['corrupted', '1']], ['whole']]);
  },
);

test('an expression that was altered changes values that nobody wrote', async () => {
  await using pair = await databasePair();
  await pair.onSource('CREATE TABLE items (id int PRIMARY KEY, v int); INSERT INTO items VALUES (1, 2)');
  await pair.onSink('CREATE TABLE items (id int PRIMARY KEY, v int GENERATED ALWAYS AS (id + 1) VIRTUAL)');
  await pair.onSink('INSERT INTO items VALUES (1)');
  await using service = await knowingService(pair);
  await pair.onSink('ALTER TABLE items ALTER v SET EXPRESSION AS (id + 2)');
  expect(wrongIn(await service.verify())).toContainEqual(['corrupted', '1']);
});
