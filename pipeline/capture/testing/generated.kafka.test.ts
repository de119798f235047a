import { expect, inject, test } from 'vitest';
import { Bench, until } from './lab.ts';

const bench = () => Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
const GENERATED = 'v int, twice int GENERATED ALWAYS AS (v * 2) STORED';

test.each([
  ['filtered', ''],
  ['all_tables', 'in a table that is not captured, too'],
])('no publication (%s) that would make PostgreSQL refuse updates of a table is created %s', async (mode) => {
  await using lab = await bench();
  await lab.sql.query(`CREATE TABLE item (id int PRIMARY KEY, ${GENERATED}); CREATE TABLE other (id int PRIMARY KEY);
    ALTER TABLE item REPLICA IDENTITY FULL; INSERT INTO item VALUES (1, 1)`);
  const list = mode === 'filtered' ? 'public.item' : 'public.other';
  const task = await lab.start({ 'publication.autocreate.mode': mode, 'table.include.list': list });
  await expect(task.done).rejects.toMatchObject({
    code: 'CDC-1115',
    message: expect.stringMatching(/public\.item .*"twice"/),
    remedy: expect.stringContaining('ALTER TABLE "public"."item" REPLICA IDENTITY DEFAULT'),
  });
  await lab.sql.query('UPDATE item SET v = 2');
});

test('a published generated column is in the snapshot as in the stream, and may be the key', async () => {
  await using lab = await bench();
  await lab.sql.query(`CREATE TABLE item (${GENERATED} PRIMARY KEY);
    CREATE PUBLICATION pub_${lab.id} FOR TABLE item WITH (publish_generated_columns = stored);
    INSERT INTO item VALUES (1)`);
  await lab.start();
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length === 1);
  await lab.sql.query('INSERT INTO item VALUES (2)');
  await lab.settled();
  const records = await lab.records('item');
  expect(records.map(({ key, value }) => [key, value?.after])).toEqual([
    [{ twice: 2 }, { v: 1, twice: 2 }],
    [{ twice: 4 }, { v: 2, twice: 4 }],
  ]);
});

test('a key with a generated column that is not published is refused', async () => {
  await using lab = await bench();
  await lab.sql.query(`CREATE TABLE item (${GENERATED}, PRIMARY KEY (v, twice));
    CREATE PUBLICATION pub_${lab.id} FOR TABLE item`);
  const task = await lab.start();
  await expect(task.done).rejects.toMatchObject({
    code: 'CDC-1125',
    message: expect.stringMatching(/public\.item .*"twice"/),
    remedy: expect.stringContaining('publish_generated_columns'),
  });
});
