import { expect, test } from 'vitest';
import { readCatalogue } from '../observe/source/catalogue.ts';
import { databasePair } from '../testing/databases.ts';
import { canonicalKey, readRows, readSinkMarks } from './row-readings.ts';

test.each([
  ['ltree', 'a.b'],
  ['hstore', '"a"=>"1"'],
  ['citext', 'Ab'],
])('a row whose key is of the type %s of an extension is read', async (type, key) => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE SCHEMA things; CREATE EXTENSION ${type} SCHEMA things;
    CREATE TABLE odd (id things.${type} PRIMARY KEY, version int); INSERT INTO odd VALUES ('${key}', 7)`);
  const [source] = (await readCatalogue(pair.source)).values();
  const [sink] = (await readCatalogue(pair.sink)).values();
  if (source === undefined) throw new Error('the test has no table');
  const canonical = await canonicalKey(pair.source, source, { id: key });
  const options = { versionColumn: 'version', values: false };
  for (const side of [pair.source, pair.sink]) {
    const rows = await readRows(side, { source, sink }, canonical, options);
    expect(rows.map(({ row }) => row.version)).toEqual([7]);
  }
});

test('what the sink has suppressed is read by partition, unless the table of totals is another one', async () => {
  await using pair = await databasePair();
  await pair.onSink(`CREATE TABLE items (id int PRIMARY KEY, _cdc_position text);
    CREATE TABLE _cdc_stats (connector text, table_name text, topic text, partition int, suppressed bigint);
    INSERT INTO _cdc_stats VALUES ('a', 'public.items', 't', 0, 2), ('b', 'public.items', 't', 0, 3),
      ('a', 'public.items', 't', 1, 0), ('a', 'public.other', 't', 1, 9)`);
  const table = (await readCatalogue(pair.sink)).get('public.items');
  const marks = () => readSinkMarks(pair.sink, table, { schema: 'public', keyTexts: ['1'] });
  expect([...((await marks()).suppressed ?? [])]).toEqual([
    ['t/0', 5],
    ['t/1', 0],
  ]);
  await pair.onSink('ALTER TABLE _cdc_stats DROP COLUMN table_name');
  expect((await marks()).suppressed?.size).toBe(0);
});
