import { expect, test } from 'vitest';
import { databasePair } from '../../testing/databases.ts';
import { dateText, timestampText } from './date-time-text.ts';

test('dates and timestamps from 4714 BC to the last year are printed as PostgreSQL prints them', async () => {
  await using pair = await databasePair();
  const dates = await pair.source.query(
    `SELECT (d - date '1970-01-01')::text AS days, d::text AS text
     FROM (SELECT date '4714-11-24 BC' + (i * 9973) AS d FROM generate_series(0, 215000) AS i) AS dates`,
    [],
  );
  expect(dates.filter(({ days, text }) => dateText(days ?? '') !== text)).toEqual([]);
  const timestamps = await pair.source.query(
    `SELECT (extract(epoch FROM t) * 1000000)::bigint::text AS micros, t::text AS text
     FROM (SELECT timestamp '4714-11-24 BC' + i * interval '1234567.654321 s' AS t
           FROM generate_series(0, 200000) AS i) AS timestamps`,
    [],
  );
  expect(timestamps.filter(({ micros, text }) => timestampText(micros ?? '', 'us') !== text)).toEqual([]);
});
