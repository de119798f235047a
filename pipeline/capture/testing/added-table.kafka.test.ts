import { expect, inject, test } from 'vitest';
import { Bench, until } from './lab.ts';

const published = async (lab: Bench): Promise<boolean> => {
  const sql = `SELECT FROM pg_publication_tables WHERE pubname = $1 AND tablename = 'late'`;
  return (await lab.sql.query(sql, [`pub_${lab.id}`])).rowCount === 1;
};

test('a table is added to the publication only when it is stored that its snapshot is due', async () => {
  await using lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
  await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY)');
  const first = await lab.start();
  await until(40_000, 'the snapshot', async () => (await lab.offset()).snapshot_completed === true);
  await first.stop();
  await lab.sql.query('CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1), (2)');
  // As if it were killed before the store that a table's snapshot is in.
  let killed = 0;
  lab.defects.push({
    ...{ name: 'killed', description: '' },
    offsets: (healthy) => ({
      async store(offset) {
        if (!JSON.stringify(offset).includes('late')) return await healthy.store(offset);
        killed++;
        throw Object.assign(new Error('killed'), { code: '08006' });
      },
    }),
  });
  const second = await lab.start();
  await until(40_000, 'a store', async () => killed > 0);
  expect(await published(lab)).toBe(false);
  await second.stop();
  lab.defects.pop();
  await lab.sql.query('INSERT INTO late VALUES (3)');
  await lab.start();
  await until(40_000, 'its rows', async () => (await lab.records('late')).length >= 3);
  expect((await lab.records('late')).map(({ value }) => value?.op)).toEqual(['r', 'r', 'r']);
});

test('a crash between the store and the publication takes the snapshot once', async () => {
  await using lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
  await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY)');
  const first = await lab.start();
  await until(40_000, 'the snapshot', async () => (await lab.offset()).snapshot_completed === true);
  await lab.settled();
  await first.stop();
  await lab.sql.query('CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1), (2)');
  // As if it were killed behind the store: the snapshot is due, and the publication lacks the table.
  let stored = false;
  lab.defects.push({
    ...{ name: 'killed', description: '' },
    offsets: (healthy) => ({
      async store(offset) {
        await healthy.store(offset);
        if (!JSON.stringify(offset).includes('late')) return;
        stored = true;
        throw Object.assign(new Error('killed'), { code: '08006' });
      },
    }),
  });
  const second = await lab.start();
  await until(40_000, 'the store', async () => stored);
  await second.stop();
  lab.defects.pop();
  expect(await published(lab)).toBe(false);
  await lab.start();
  await until(40_000, 'its rows', async () => (await lab.records('late')).length >= 2);
  await until(40_000, 'the end', async () => ((await lab.offset()).snapshots as unknown[]).length === 0);
  expect(await lab.records('late')).toHaveLength(2);
});
