import { expect, inject, test } from 'vitest';
import { Bench, until } from './lab.ts';
import type { SeenRecord } from './read-topic.ts';

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
  const published = until(40_000, 'the row', async () => (await lab.records('item')).length >= 1);
  await lab.sql.query('INSERT INTO item VALUES (1)');
  await Promise.race([task.done, published]);
});

/** Runs these changes while a connector without a snapshot is stopped, and starts it again. */
async function whileStopped(lab: Bench, setUp: string, changes: string) {
  await lab.sql.query(setUp);
  const first = await lab.start({ 'snapshot.mode': 'no_data', ...WITH_SCHEMAS });
  await until(40_000, 'the slot', async () => Object.keys(await lab.offset()).length > 0);
  await first.stop();
  await lab.sql.query(changes);
  return await lab.start({ 'snapshot.mode': 'no_data', ...WITH_SCHEMAS });
}

interface WithSchema {
  readonly payload: { readonly after: Record<string, unknown> };
  readonly schema: { readonly fields: { readonly field: string; readonly fields?: Field[] }[] };
}
interface Field {
  readonly field: string;
  readonly type: string;
  readonly parameters?: { readonly allowed: string };
}

/** The new row of each record, and the schema of one of its columns. */
function rowsOf(records: readonly SeenRecord[], column: string) {
  return records.map(({ value }) => {
    const { payload, schema } = value as unknown as WithSchema;
    const fields = schema.fields.find(({ field }) => field === 'after')?.fields;
    return { after: payload.after, field: fields?.find(({ field }) => field === column) };
  });
}

test('a label from before a rename, or after an addition, is in the schema of its event', async () => {
  await using lab = await bench();
  await whileStopped(
    lab,
    `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE item (id int PRIMARY KEY, m mood, l mood[])`,
    `INSERT INTO item VALUES (1, 'sad', '{ok,sad}'); ALTER TYPE mood RENAME VALUE 'sad' TO 'unhappy'`,
  );
  await lab.settled();
  await lab.sql.query(`ALTER TYPE mood ADD VALUE 'glad'`);
  await lab.sql.query(`INSERT INTO item VALUES (2, 'glad', NULL), (3, 'unhappy', '{glad}')`);
  await lab.settled();
  const rows = rowsOf(await lab.records('item'), 'm');
  expect(rows.map(({ after, field }) => [after, field?.parameters?.allowed])).toEqual([
    [{ id: 1, m: 'sad', l: ['ok', 'sad'] }, 'unhappy,ok,sad'],
    [{ id: 2, m: 'glad', l: null }, 'unhappy,ok,sad,glad'],
    [{ id: 3, m: 'unhappy', l: ['glad'] }, 'unhappy,ok,sad,glad'],
  ]);
});

test('a change from before its enum was replaced by another of its name has its label', async () => {
  await using lab = await bench();
  await whileStopped(
    lab,
    `CREATE TYPE mood AS ENUM ('old', 'ok'); CREATE DOMAIN small AS int;
     CREATE TABLE item (id int PRIMARY KEY, m mood, v small)`,
    `INSERT INTO item VALUES (1, 'old', 7);
     CREATE TYPE mood2 AS ENUM ('new', 'ok'); ALTER TABLE item ALTER m TYPE mood2 USING 'new'::mood2;
     DROP TYPE mood; ALTER TYPE mood2 RENAME TO mood;
     ALTER TABLE item ALTER v TYPE text; DROP DOMAIN small; INSERT INTO item VALUES (2, 'ok', 'x')`,
  );
  await lab.settled();
  const records = await lab.records('item');
  expect(rowsOf(records, 'm').map(({ after, field }) => [after, field?.parameters?.allowed])).toEqual([
    [{ id: 1, m: 'old', v: 7 }, 'new,ok,old'],
    [{ id: 2, m: 'ok', v: 'x' }, 'new,ok'],
  ]);
  expect(rowsOf(records, 'v').map(({ field }) => field?.type)).toEqual(['int32', 'string']);
});

test('a type that is gone stops the task with a remedy that works as it is printed', async () => {
  await using lab = await bench();
  const task = await whileStopped(
    lab,
    `CREATE TYPE mood AS ENUM ('old'); CREATE TABLE item (id int PRIMARY KEY, m mood)`,
    `INSERT INTO item VALUES (1, 'old'); ALTER TABLE item ALTER m TYPE text; DROP TYPE mood`,
  );
  await expect(task.done).rejects.toMatchObject({
    code: 'CDC-1020',
    message: 'Type public.mood of public.item.m was dropped before its changes were read.',
    remedy: expect.stringMatching(/^Create "public"."mood" again as it was, restart the task, and drop it/),
  });
  await lab.sql.query(`CREATE TYPE "public"."mood" AS ENUM ('old')`);
  await lab.start({ 'snapshot.mode': 'no_data', ...WITH_SCHEMAS });
  await lab.settled();
  expect(rowsOf(await lab.records('item'), 'm').map(({ after }) => after)).toEqual([{ id: 1, m: 'old' }]);
});

test('for an array whose element type is gone, the remedy names the type that can be created', async () => {
  await using lab = await bench();
  const task = await whileStopped(
    lab,
    `CREATE TYPE mood AS ENUM ('old'); CREATE TABLE item (id int PRIMARY KEY, l mood[])`,
    `INSERT INTO item VALUES (1, '{old}'); ALTER TABLE item ALTER l TYPE text; DROP TYPE mood`,
  );
  await expect(task.done).rejects.toMatchObject({
    code: 'CDC-1020',
    remedy: expect.stringMatching(
      /^Create "public"."mood" \(or "public"."_mood", if it was not an array\) again/,
    ),
  });
  await lab.sql.query(`CREATE TYPE "public"."mood" AS ENUM ('old')`);
  await lab.start({ 'snapshot.mode': 'no_data', ...WITH_SCHEMAS });
  await lab.settled();
  expect(rowsOf(await lab.records('item'), 'l').map(({ after }) => after)).toEqual([{ id: 1, l: ['old'] }]);
});

test('a dropped domain over an array whose precision is lost stops the task, too', async () => {
  await using lab = await bench();
  const task = await whileStopped(
    lab,
    'CREATE DOMAIN prices AS numeric(10, 2)[]; CREATE TABLE item (id int PRIMARY KEY, p prices)',
    `INSERT INTO item VALUES (1, '{1.5}'); ALTER TABLE item ALTER p TYPE text; DROP DOMAIN prices`,
  );
  await expect(task.done).rejects.toMatchObject({
    code: 'CDC-1020',
    message: expect.stringContaining('the precision of its pg_catalog._numeric'),
  });
});

test('a dropped domain whose precision is lost stops the task until it takes a new snapshot', async () => {
  await using lab = await bench();
  const task = await whileStopped(
    lab,
    'CREATE DOMAIN price AS numeric(10, 2); CREATE TABLE item (id int PRIMARY KEY, p price)',
    'INSERT INTO item VALUES (1, 1.5); ALTER TABLE item ALTER p TYPE text; DROP DOMAIN price',
  );
  await expect(task.done).rejects.toMatchObject({
    code: 'CDC-1020',
    message: expect.stringContaining('the precision of its pg_catalog.numeric'),
    remedy: expect.stringContaining('remove its offsets (DELETE /connectors/NAME/offsets) and the slot'),
  });
  await lab.startOver();
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 1);
});

test('without its key of then, a change under REPLICA IDENTITY FULL is whole and has no key, and a warning says so', async () => {
  await using lab = await bench();
  await whileStopped(
    lab,
    `CREATE TABLE item (id int PRIMARY KEY, v int); ALTER TABLE item REPLICA IDENTITY FULL;
     INSERT INTO item VALUES (1, 1)`,
    'UPDATE item SET v = 2; ALTER TABLE item DROP CONSTRAINT item_pkey',
  );
  await lab.settled();
  const records = await lab.records('item');
  expect(records.map(({ key }) => key)).toEqual([null]);
  expect(rowsOf(records, 'v').map(({ after }) => after)).toEqual([{ id: 1, v: 2 }]);
  expect(lab.log).toContainEqual({
    level: 'warn',
    message: expect.stringMatching(/^Table without primary key.*before its key was dropped/),
    fields: expect.objectContaining({ table: 'public.item' }),
  });
});

test('an array that does not begin at 1 is captured without its bounds, with a warning that has a cure', async () => {
  await using lab = await bench();
  await lab.sql.query(
    `CREATE TABLE item (id int PRIMARY KEY, l int[]); INSERT INTO item VALUES (1, '[0:1]={7,8}')`,
  );
  await lab.start();
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 1);
  await lab.sql.query(`INSERT INTO item VALUES (2, '[5:5]={9}'), (3, '{1}')`);
  await lab.settled();
  const after = (await lab.records('item')).map(({ value }) => value?.after?.l);
  expect(after).toEqual([[7, 8], [9], [1]]);
  const warnings = lab.log.filter(({ message }) => message.includes('bounds'));
  expect(warnings).toHaveLength(1);
  expect(lab.counted.get('lossy public.item')).toBe(2);
  const remedy = String((warnings[0]?.fields as { remedy?: string } | undefined)?.remedy);
  await lab.sql.query(/UPDATE .*<> 1/.exec(remedy)?.[0] ?? '');
  const { rows } = await lab.sql.query('SELECT l::text FROM item ORDER BY id');
  expect(rows.map(({ l }) => l)).toEqual(['{7,8}', '{9}', '{1}']);
});

test('a value without a Connect form, once it is in the WAL, is passed as the remedy says', async () => {
  await using lab = await bench();
  await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, l int[])');
  const task = await lab.start();
  await until(40_000, 'the slot', async () => Object.keys(await lab.offset()).length > 0);
  await lab.sql.query(`INSERT INTO item VALUES (1, '{{1,2},{3,4}}'); UPDATE item SET l = '{1}'`);
  await expect(task.done).rejects.toMatchObject({
    code: 'CDC-1303',
    message: expect.stringContaining('Column l of public.item'),
    remedy: expect.stringContaining('a restart meets it again: stop the connector, remove its offsets'),
  });
  await lab.startOver();
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 1);
});
