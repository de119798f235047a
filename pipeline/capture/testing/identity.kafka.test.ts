import { expect, inject, test } from 'vitest';
import { Bench, until } from './lab.ts';

const bench = () => Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
const LOG = 'CREATE TABLE log (t text); INSERT INTO log VALUES (1)';

test('no publication that would make PostgreSQL refuse the updates of a captured table is created', async () => {
  await using lab = await bench();
  await lab.sql.query(LOG);
  const task = await lab.start({
    'publication.autocreate.mode': 'filtered',
    'table.include.list': 'public.log',
  });
  await expect(task.done).rejects.toMatchObject({
    code: 'CDC-1126',
    message: expect.stringContaining('public.log has no replica identity'),
    remedy: expect.stringContaining('ALTER TABLE "public"."log" REPLICA IDENTITY FULL'),
  });
  await lab.sql.query(`UPDATE log SET t = 'written'`);
});

test('such a table is captured where somebody has put it into the publication, and the other tables are added', async () => {
  await using lab = await bench();
  await lab.sql.query(`${LOG}; CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1);
    CREATE PUBLICATION pub_${lab.id} FOR TABLE log`);
  await lab.start({
    'publication.autocreate.mode': 'filtered',
    'table.include.list': 'public.log,public.item',
  });
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 1);
  await lab.sql.query(`INSERT INTO log VALUES ('two'); INSERT INTO item VALUES (2)`);
  await lab.settled();
  expect((await lab.records('log')).map(({ value }) => value?.after)).toEqual([{ t: '1' }, { t: 'two' }]);
  expect(await lab.records('item')).toHaveLength(2);
});
