import { expect, inject, test } from 'vitest';
import type { Task } from '../../contract/connector.ts';
import { Bench, until } from './lab.ts';

const SQL_ASCII = "TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'";

/** The UPDATE that a remedy prints, as far as its full stop. */
function statementIn(error: unknown): string {
  return /UPDATE .*?(?=\. )/.exec(String((error as { remedy?: unknown }).remedy))?.[0] ?? '';
}

test('bytes that are not UTF-8 are told with table, column and key, and can be corrected as the remedy says', async () => {
  await using lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'), SQL_ASCII);
  await lab.sql.query(`CREATE TABLE item (id int PRIMARY KEY, other text, "my name" text);
    INSERT INTO item VALUES (0, '\ufffd', '\ufffd'), (1, '\ufffd', 'gr' || E'\\xfc' || 'n')`);
  const inSnapshot = await (await lab.start()).done.catch((error: unknown) => error);
  expect(inSnapshot).toMatchObject({
    code: 'CDC-1035',
    message: expect.stringContaining(
      'Column my name of public.item (row {"id":"1"}) has a text that is not UTF-8',
    ),
  });
  expect(lab.log.map(({ message }) => message)).toContainEqual(expect.stringContaining('SQL_ASCII'));
  await lab.sql.query(statementIn(inSnapshot));
  const task = await lab.start();
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 2);
  await lab.sql.query(`INSERT INTO item VALUES (2, 'ok', 'blau');
    BEGIN; INSERT INTO item VALUES (3, '\ufffd', '\ufffd'); UPDATE item SET "my name" = E'wei\\xdf' WHERE id = 3; COMMIT`);
  const inStream = await task.done.catch((error: unknown) => error);
  expect(inStream).toMatchObject({
    code: 'CDC-1035',
    message: expect.stringContaining('Column my name of public.item (row {"id":"3"})'),
    remedy: expect.stringContaining('The WAL keeps the change, too: stop the connector, remove its offsets'),
  });
  await lab.sql.query(statementIn(inStream));
  await lab.startOver();
  await until(40_000, 'the rows', async () => (await lab.records('item')).some(({ key }) => key?.id === 3));
  const names = (await lab.records('item')).map(({ value }) => value?.after?.['my name']);
  expect(names).toContain('grün');
  expect(names.at(-1)).toBe('weiß');
});

/** Starts a connector without a snapshot, and returns the task once its slot exists. */
async function streaming(lab: Bench): Promise<Task> {
  const task = await lab.start({ 'snapshot.mode': 'no_data' });
  await until(40_000, 'the slot', async () => Object.keys(await lab.offset()).length > 0);
  return task;
}

const failureOf = (task: Task) => task.done.catch((error: unknown) => error);

test('a text that was corrected since is not spoilt by an UPDATE that is printed once more', async () => {
  await using lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'), SQL_ASCII);
  await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
  const task = await streaming(lab);
  await lab.sql.query(`INSERT INTO item VALUES (1, E'gr\\xfcn')`);
  await lab.sql.query(statementIn(await failureOf(task)));
  // Not the whole remedy: the slot still has the change.
  const again = await failureOf(await lab.start({ 'snapshot.mode': 'no_data' }));
  expect(again).toMatchObject({
    code: 'CDC-1035',
    message: expect.stringContaining('Column name of public.item (row {"id":"1"})'),
    remedy: expect.stringMatching(
      /^The row is correct or gone by now, but the WAL keeps the change: stop the connector/,
    ),
  });
  expect(statementIn(again)).toBe('');
  await lab.startOver();
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 1);
  expect((await lab.records('item'))[0]?.value?.after).toEqual({ id: 1, name: 'grün' });
});

test('a damaged text in the key is corrected as the remedy says', async () => {
  await using lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'), SQL_ASCII);
  await lab.sql.query(
    `CREATE TABLE item (name text PRIMARY KEY); INSERT INTO item VALUES (E'gr\\xfcn'), ('\ufffd')`,
  );
  await lab.sql.query(statementIn(await failureOf(await lab.start())));
  await lab.start();
  await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 2);
  expect((await lab.records('item')).map(({ key }) => key?.name).sort()).toEqual(['grün', '\ufffd']);
});

test('a character that Unicode lacks is told apart from others, without an UPDATE for Latin-1', async () => {
  const options = SQL_ASCII.replace('SQL_ASCII', 'WIN1252');
  await using lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'), options);
  await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
  const insert = `INSERT INTO item VALUES (1, 'grün'), (2, convert_from('\\x4181', 'WIN1252'))`;
  await lab.sql.query(insert);
  const expected = {
    code: 'CDC-1035',
    message: expect.stringContaining('Column name of public.item (row {"id":"2"})'),
    remedy: expect.stringMatching(/^Correct the value at the source, or leave the table out/),
  };
  expect(await failureOf(await lab.start())).toMatchObject(expected);
  await lab.sql.query('DELETE FROM item');
  const task = await lab.start();
  await lab.settled();
  await lab.sql.query(insert);
  expect(await failureOf(task)).toMatchObject(expected);
});

test('a task that looks for a damaged text can be stopped at once, and leaves the slot free', async () => {
  await using lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'), SQL_ASCII);
  await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
  const task = await streaming(lab);
  await lab.sql.query(`INSERT INTO item VALUES (1, 'ok')`);
  await lab.settled();
  const lock = await lab.connect();
  try {
    // Whatever reads the slot from here on waits for this lock.
    await lock.query('BEGIN; LOCK TABLE pg_catalog.pg_publication IN ACCESS EXCLUSIVE MODE');
    await lab.sql.query(`INSERT INTO item VALUES (2, E'gr\\xfcn')`);
    const looking = async () => {
      const { rows } = await lab.sql.query(
        `SELECT FROM pg_stat_activity WHERE application_name LIKE '%damaged text' AND wait_event_type = 'Lock'
         AND datname = current_database()`,
      );
      return rows.length === 1;
    };
    await until(40_000, 'the search for the text', looking);
    const beganMs = Date.now();
    await task.stop();
    expect(Date.now() - beganMs).toBeLessThan(5_000);
    await until(5_000, 'the search to end', async () => !(await looking()));
  } finally {
    await lock.query('ROLLBACK');
    await lock.end();
  }
  await until(5_000, 'the slot to be free', async () => {
    const { rows } = await lab.sql.query(
      'SELECT FROM pg_replication_slots WHERE slot_name = $1 AND NOT active',
      [lab.slot],
    );
    return rows.length === 1;
  });
});
