import { expect, test } from 'vitest';
import { databasePair } from '../testing/databases.ts';
import { requestFor } from '../testing/request.ts';
import { openPair } from './pair.ts';

const COLUMNS = `k text, n int, v text, j json, f float8, t timestamptz, version bigint, PRIMARY KEY (k, n)`;
const ROWS = `INSERT INTO items SELECT 'it''s "' || i, i, E'line\\n\\\\' || i, '{"a": 1.0}', 0.1 * i,
  '2026-01-01Z', 1 FROM generate_series(1, 50) i`;

test('the SQL repairs every kind of wrong row, and does not touch rows that have changed since', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE items (${COLUMNS}); ${ROWS}`);
  await pair.onSource(`UPDATE items SET v = 'newer', version = 2 WHERE n = 4`);
  await pair.onSink(`DELETE FROM items WHERE n IN (1, 2); UPDATE items SET v = NULL, j = '{}', f = 7 WHERE n = 3;
    INSERT INTO items VALUES ('x', 99, 'hand', NULL, NULL, NULL, 1), ('y', 98, 'hand', NULL, NULL, NULL, 1);
    UPDATE items SET v = 'wrong' WHERE n = 5`);
  const open = await openPair(requestFor(pair, { fence: 'none', deadlineMs: 10_000 }));
  const { report, repair } = await open.verify(AbortSignal.timeout(30_000));
  const kinds = report.tables[0];
  expect(kinds).toMatchObject({ missing: 2, extra: 2, corrupted: 2, stale: 1 });

  await pair.onSink(`UPDATE items SET v = 'written since' WHERE n IN (5, 98)`);
  await pair.onSink(repair ?? '');
  const again = await open.verify(AbortSignal.timeout(30_000));
  expect(again.report.tables[0]).toMatchObject({ missing: 0, extra: 1, corrupted: 1, stale: 0 });
  expect(again.repair).toContain('98');

  await pair.onSink(again.repair ?? '');
  const mended = await open.verify(AbortSignal.timeout(30_000));
  expect(mended).toMatchObject({ report: { verdict: 'PASS' }, repair: null });
});

test('a row whose other columns have changed since is not touched', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (id int PRIMARY KEY, note text, version bigint)');
  await pair.onSource("INSERT INTO items VALUES (1, 'x', 1)");
  await pair.onSink('INSERT INTO items VALUES (1, NULL, 1)');
  await using open = await openPair(requestFor(pair, { fence: 'none', deadlineMs: 10_000 }));
  const { repair } = await open.verify(AbortSignal.timeout(30_000));
  expect(repair).toContain('UPDATE');

  // The pipeline, which never writes the note, applies version 2.
  await pair.onSink('UPDATE items SET version = 2');
  await pair.onSink(repair ?? '');
  const [row] = await pair.sink.query('SELECT note, version::text FROM public.items');
  expect(row).toEqual({ note: null, version: '2' });
});
