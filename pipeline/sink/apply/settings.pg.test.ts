import { expect, test } from 'vitest';
import { applyBench, row } from '../testing/apply-bench.ts';
import { CUSTOMER, rawEvent } from '../testing/event-fixture.ts';

const bench = applyBench();

const FIELDS = {
  ...CUSTOMER,
  tags: { type: 'array', optional: true, items: { type: 'string', optional: true } },
  paid: { type: 'string', optional: true },
};

/** Settings that a database administrator may have made, and that change how a value or a statement is read. */
test.each([
  'array_nulls = off',
  'standard_conforming_strings = off',
  'quote_all_identifiers = on',
  'transform_null_equals = on',
  'xmloption = document',
  'backslash_quote = off',
  "DateStyle = 'German'",
  "IntervalStyle = 'sql_standard'",
  "TimeZone = 'Asia/Kolkata'",
  "default_transaction_isolation = 'serializable'",
])('the sink writes the same rows in a database with %s', async (setting) => {
  await bench.db.rows(
    `CREATE TABLE customers (id bigint PRIMARY KEY, name text, amount numeric(12,2), tags text[], paid xml)`,
  );
  await bench.db.rows(`ALTER DATABASE ${bench.db.name} SET ${setting}`);
  const sink = await bench.open();
  const tags = [null, 'NULL', 'a\\b', `it's`];
  const put = (id: number) =>
    rawEvent({
      ...{ op: 'c', id, at: [id, 1], fields: FIELDS },
      after: { ...row(id, `a\\b' ${id}`), tags, paid: '<a/>text' },
    });
  await sink.apply(put(1));
  await sink.apply(...Array.from({ length: 30 }, (_, i) => put(i + 2)));
  const rows = await bench.db.rows(`SELECT count(*)::int AS n, min(length(name)) AS least, paid::text, tags,
    tags[1] IS NULL AS is_null, amount::text FROM customers GROUP BY paid::text, tags, amount`);
  expect(rows).toEqual([{ n: 31, least: 6, paid: '<a/>text', tags, is_null: true, amount: '1.00' }]);
});

test('every connection of the sink has the settings that its statements are written for', async () => {
  const { name } = bench.db;
  await bench.db.rows(`ALTER DATABASE ${name} SET quote_all_identifiers = on`);
  await bench.db.rows(`ALTER DATABASE ${name} SET standard_conforming_strings = off`);
  await bench.db.rows(`ALTER DATABASE ${name} SET array_nulls = off`);
  const sql = `SELECT format_type('uuid'::regtype, -1) AS type, '{NULL}'::text[] AS listed, length('a\\b') AS length`;
  expect(await bench.query(sql)).toEqual([{ type: 'uuid', listed: [null], length: 3 }]);
});
