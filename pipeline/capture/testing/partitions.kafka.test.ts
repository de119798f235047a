import { expect, inject, test } from 'vitest';
import { Bench, until } from './lab.ts';

const bench = () => Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
const PARTITIONED = `CREATE TABLE item (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
  CREATE TABLE item_1 PARTITION OF item FOR VALUES FROM (0) TO (10);
  CREATE TABLE item_2 PARTITION OF item FOR VALUES FROM (10) TO (20);
  INSERT INTO item VALUES (1, 1), (11, 1)`;

test.each(['public.item', 'public\\.item.*'])(
  'a partitioned table that is published as one is in the snapshot and in the stream (%s)',
  async (list) => {
    await using lab = await bench();
    await lab.sql.query(`${PARTITIONED};
    CREATE PUBLICATION pub_${lab.id} FOR TABLE item WITH (publish_via_partition_root = true)`);
    const task = await lab.start({ 'table.include.list': list, 'snapshot.fetch.size': '1' });
    const both = until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 2);
    await Promise.race([task.done, both]);
    await lab.sql.query('INSERT INTO item VALUES (2, 2)');
    await lab.settled();
    const rows = (await lab.records('item')).map(({ value }) => [value?.op, value?.after?.id]);
    expect(rows.sort()).toEqual([
      ['c', 2],
      ['r', 1],
      ['r', 11],
    ]);
    const { rows: published } = await lab.sql.query('SELECT tablename FROM pg_publication_tables ORDER BY 1');
    expect(published).toEqual([{ tablename: 'item' }]);
  },
);

test('an entry of the include list that captures nothing is named, with what it matches', async () => {
  await using lab = await bench();
  await lab.sql.query(`${PARTITIONED}; CREATE TABLE other (id int PRIMARY KEY); CREATE VIEW seen AS TABLE other;
    CREATE UNLOGGED TABLE loose (id int PRIMARY KEY)`);
  const list = 'public.item,public.other,public.seen,public.loose,public.no';
  await lab.start({ 'table.include.list': list, 'snapshot.mode': 'no_data' });
  await until(40_000, 'the slot', async () => Object.keys(await lab.offset()).length > 0);
  const warnings = lab.log
    .filter(({ message }) => message.includes('table.include.list'))
    .map((w) => w.message);
  expect(warnings).toEqual([
    expect.stringMatching(/"public\.item" .* captures nothing: public\.item is a partitioned table/),
    expect.stringMatching(/"public\.seen" .* public\.seen is a view/),
    expect.stringMatching(/"public\.loose" .* public\.loose is an UNLOGGED table/),
    expect.stringMatching(/"public\.no" .* matches no table/),
  ]);
});
