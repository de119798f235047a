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
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 1);
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
    remedy: expect.stringMatching(
      /^ALTER PUBLICATION "pub_\w+" SET \(publish_generated_columns = stored\), /,
    ),
  });
});

/** The error that stops the task. */
async function refusal(lab: Bench, overrides: Record<string, string> = {}) {
  const task = await lab.start({ ...NO_SIGNALS, ...overrides });
  return await task.done.then(
    () => expect.fail('the task did not fail'),
    (error: { code: string; message: string; remedy: string }) => error,
  );
}

const NO_SIGNALS = { 'signal.data.collection': '' };

/** Runs the alternative of a remedy that begins like this, as it is printed. */
async function follow(lab: Bench, remedy: string, start: string): Promise<void> {
  const statement = remedy.split('; or ').find((alternative) => alternative.startsWith(start));
  await lab.sql.query(statement ?? expect.fail(`the remedy has no ${start}: ${remedy}`));
}

/** The task starts now, and the application may update the table. */
async function expectWritable(lab: Bench, update: string): Promise<void> {
  await lab.start(NO_SIGNALS);
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 1);
  await lab.sql.query(update);
  await lab.settled();
  expect((await lab.records('item')).at(-1)?.value?.op).toBe('u');
}

test('a virtual column, which no publication has, is refused with a remedy that works as it is printed', async () => {
  await using lab = await bench();
  await lab.sql.query(`CREATE TABLE item (id int PRIMARY KEY, v int, twice int GENERATED ALWAYS AS (v * 2) VIRTUAL);
    ALTER TABLE item REPLICA IDENTITY FULL; INSERT INTO item VALUES (1, 1);
    CREATE PUBLICATION pub_${lab.id} WITH (publish_generated_columns = stored)`);
  const { code, message, remedy } = await refusal(lab);
  expect(code).toBe('CDC-1115');
  expect(message).toContain('the virtual generated column "twice", which no publication can contain');
  expect(remedy).not.toContain('publish_generated_columns');
  await follow(lab, remedy, 'ALTER TABLE');
  await expectWritable(lab, 'UPDATE item SET v = 2');
});

test.each(['CREATE PUBLICATION', 'ALTER TABLE'])(
  'the remedy %s for a generated column in the identity works as it is printed',
  async (remedy) => {
    await using lab = await bench();
    await lab.sql.query(`CREATE TABLE item (id int PRIMARY KEY, ${GENERATED});
      ALTER TABLE item REPLICA IDENTITY FULL; INSERT INTO item VALUES (1, 1)`);
    await follow(lab, (await refusal(lab)).remedy, remedy);
    await expectWritable(lab, 'UPDATE item SET v = 2');
  },
);

test('a publication that exists is altered, and a table without key gets one first', async () => {
  await using lab = await bench();
  await lab.sql.query(`CREATE TABLE other (id int PRIMARY KEY); CREATE PUBLICATION pub_${lab.id} FOR TABLE other;
    CREATE TABLE item (id int NOT NULL, ${GENERATED}); ALTER TABLE item REPLICA IDENTITY FULL;
    INSERT INTO item VALUES (1, 1)`);
  const { remedy } = await refusal(lab);
  expect(remedy).toMatch(/^give the table a primary key and then ALTER TABLE "public"\."item" REPLICA/);
  await follow(lab, remedy, 'ALTER PUBLICATION');
  await expectWritable(lab, 'UPDATE item SET v = 2');
});

test('the remedy for a generated key works as it is printed where the publication exists and is empty', async () => {
  await using lab = await bench();
  await lab.sql.query(`CREATE TABLE item (${GENERATED}, w int, PRIMARY KEY (v, twice)); INSERT INTO item VALUES (1);
    CREATE PUBLICATION pub_${lab.id}`);
  const { code, remedy } = await refusal(lab, { 'publication.autocreate.mode': 'filtered' });
  expect(code).toBe('CDC-1125');
  await follow(lab, remedy.replace(', which PostgreSQL 18 has', ''), 'ALTER PUBLICATION');
  await expectWritable(lab, 'UPDATE item SET w = 2');
});

test('the remedy for a generated key works as it is printed', async () => {
  await using lab = await bench();
  await lab.sql.query(
    `CREATE TABLE item (${GENERATED}, w int, PRIMARY KEY (v, twice)); INSERT INTO item VALUES (1)`,
  );
  const { code, remedy } = await refusal(lab);
  expect(code).toBe('CDC-1125');
  await follow(lab, remedy.replace(', which PostgreSQL 18 has', ''), 'CREATE PUBLICATION');
  await expectWritable(lab, 'UPDATE item SET w = 2');
});

test('tables that all_tables makes unwritable for the application are named, with a remedy that works', async () => {
  await using lab = await bench();
  await lab.sql.query(`CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE "Log" (t text);
    CREATE TABLE part (a int) PARTITION BY LIST (a); CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
    CREATE TABLE keyed (id int PRIMARY KEY); CREATE UNLOGGED TABLE loose (t text);
    CREATE TABLE whole (t text); ALTER TABLE whole REPLICA IDENTITY FULL;
    INSERT INTO "Log" VALUES ('a'); INSERT INTO part VALUES (1)`);
  const all = { 'publication.autocreate.mode': 'all_tables', 'table.include.list': 'public.item' };
  await lab.start({ ...NO_SIGNALS, ...all });
  await until(40_000, 'the slot', async () => Object.keys(await lab.offset()).length > 0);
  const [warning, ...more] = lab.log.filter(({ message }) => message.includes('no replica identity'));
  expect(more).toEqual([]);
  expect(warning?.message).toContain(
    'not captured, because they have no replica identity: public.Log, public.part_1.',
  );
  await expect(lab.sql.query(`UPDATE "Log" SET t = 'b'`)).rejects.toThrow('does not have a replica identity');
  const remedy = String((warning?.fields as { remedy?: string } | undefined)?.remedy);
  for (const statement of remedy.match(/ALTER TABLE \S+ REPLICA IDENTITY FULL/g) ?? []) {
    await lab.sql.query(statement);
  }
  await lab.sql.query(`UPDATE "Log" SET t = 'b'; UPDATE part SET a = 1`);
});

test('without a publication of all tables, the application may write to them, as the remedy says', async () => {
  await using lab = await bench();
  await lab.sql.query(`CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE log (t text);
    INSERT INTO item VALUES (1); INSERT INTO log VALUES ('a')`);
  const own = { ...NO_SIGNALS, 'table.include.list': 'public.item' };
  const task = await lab.start({ ...own, 'publication.autocreate.mode': 'all_tables' });
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 1);
  await lab.settled();
  const warning = lab.log.find(({ message }) => message.includes('no replica identity'));
  const remedy = String((warning?.fields as { remedy?: string } | undefined)?.remedy)
    .split('; or ')
    .at(-1);
  expect(remedy).toMatch(
    /^set publication\.autocreate\.mode=filtered, DROP PUBLICATION "pub_\w+", and start over: stop the connector,/,
  );
  await lab.sql.query(/DROP PUBLICATION \S+(?=,)/.exec(remedy ?? '')?.[0] ?? expect.fail('no statement'));
  await task.stop();
  await lab.startOver({ ...own, 'publication.autocreate.mode': 'filtered' });
  await until(40_000, 'the new snapshot', async () => (await lab.records('item')).length >= 2);
  await lab.sql.query(`UPDATE log SET t = 'b'; INSERT INTO item VALUES (2)`);
  await lab.settled();
  expect((await lab.records('item')).at(-1)?.value?.after).toEqual({ id: 2 });
});
