import { expect, inject, test } from 'vitest';
import { Bench, until } from './lab.ts';

const bench = () => Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
const WITH_SCHEMAS = { 'key.converter.schemas.enable': 'true', 'value.converter.schemas.enable': 'true' };

/** Runs a connector without a snapshot over these statements, and returns the records of `item` as they were parsed. */
async function recordsOf(lab: Bench, setUp: string, changes: string) {
  await lab.sql.query(setUp);
  await lab.start({ 'snapshot.mode': 'no_data', ...WITH_SCHEMAS });
  await until(40_000, 'the slot', async () => Object.keys(await lab.offset()).length > 0);
  await lab.sql.query(changes);
  await lab.settled();
  return await lab.records('item');
}

test('a default that a column got with another type later is not in the schema of its earlier changes', async () => {
  await using lab = await bench();
  const records = await recordsOf(
    lab,
    'CREATE TABLE item (id int PRIMARY KEY, v int DEFAULT 5); INSERT INTO item VALUES (1, 1)',
    `BEGIN; UPDATE item SET v = 2; ALTER TABLE item ALTER v DROP DEFAULT, ALTER v TYPE text;
     ALTER TABLE item ALTER v SET DEFAULT 'abc'; COMMIT`,
  );
  expect(records.length).toBeGreaterThan(0);
  expect(JSON.stringify(records)).not.toContain('abc');
});

test('a change before its key was renamed has the key, under REPLICA IDENTITY FULL too', async () => {
  await using lab = await bench();
  const records = await recordsOf(
    lab,
    `CREATE TABLE item (id int PRIMARY KEY, v int); ALTER TABLE item REPLICA IDENTITY FULL;
     INSERT INTO item VALUES (1, 1)`,
    'BEGIN; UPDATE item SET v = 2; ALTER TABLE item RENAME id TO code; COMMIT; UPDATE item SET v = 3',
  );
  expect(records.map(({ key }) => (key as { payload?: unknown } | null)?.payload)).toEqual([
    { id: 1 },
    { code: 1 },
  ]);
});

test('an update beside an unchanged TOASTed key is no change of the key', async () => {
  await using lab = await bench();
  const records = await recordsOf(
    lab,
    `CREATE TABLE item (id text PRIMARY KEY, note text, v int);
     ALTER TABLE item ALTER id SET STORAGE EXTERNAL, ALTER note SET STORAGE EXTERNAL;
     INSERT INTO item VALUES (repeat('k', 2400), repeat('n', 9000), 1)`,
    'UPDATE item SET v = 2',
  );
  expect(records.map(({ value }) => (value as { payload?: { op?: string } } | null)?.payload?.op)).toEqual([
    'u',
  ]);
  expect((records[0]?.key as { payload?: unknown } | null)?.payload).toEqual({ id: 'k'.repeat(2400) });
});

test('a topic that Kafka refuses because of another topic’s name stops the task with both names', async () => {
  await using lab = await bench();
  await lab.sql.query(`CREATE TABLE "a_b" (id int PRIMARY KEY); CREATE TABLE "a.b" (id int PRIMARY KEY)`);
  const task = await lab.start({ 'snapshot.mode': 'no_data' });
  await expect(task.done).rejects.toMatchObject({
    code: 'CDC-1041',
    message: expect.stringMatching(/public\.a.b: INVALID_TOPIC_EXCEPTION, .*public\.a.b/),
    remedy: expect.stringContaining('topic.prefix'),
  });
});

test('a connector’s name may have blanks', async () => {
  await using lab = await bench();
  await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY)');
  const task = await lab.start({ name: `my ${lab.id} ü` });
  const published = until(40_000, 'the row', async () => (await lab.records('item')).length === 1);
  await lab.sql.query('INSERT INTO item VALUES (1)');
  await Promise.race([task.done, published]);
});
