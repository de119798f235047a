import { describe, expect, inject, test } from 'vitest';
import { Bench, source, until } from './lab.ts';

const bench = () => Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
const NO_DATA = { 'snapshot.mode': 'no_data' };

/** Runs a connector until it has stored a position, and stops it. */
async function stopped(lab: Bench): Promise<void> {
  await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
  const task = await lab.start(NO_DATA);
  await until(40_000, 'the slot', async () => Object.keys(await lab.offset()).length > 0);
  await lab.sql.query("INSERT INTO item VALUES (1, 'one')");
  await lab.settled();
  await task.stop();
}

async function expectStop(
  lab: Bench,
  code: string,
  overrides: Record<string, string> = NO_DATA,
): Promise<void> {
  const task = await lab.start(overrides);
  await expect(task.done).rejects.toMatchObject({ code, remedy: expect.stringMatching(/\w/) });
}

describe('the task', () => {
  test('stops if the slot was dropped although a position is stored', async () => {
    await using lab = await bench();
    await stopped(lab);
    await lab.sql.query('SELECT pg_drop_replication_slot($1)', [lab.slot]);
    await lab.sql.query("INSERT INTO item VALUES (2, 'lost')");
    await expectStop(lab, 'CDC-1106');
  });

  test('stops if the slot was dropped and recreated', async () => {
    await using lab = await bench();
    await stopped(lab);
    await lab.sql.query('SELECT pg_drop_replication_slot($1)', [lab.slot]);
    await lab.sql.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [lab.slot]);
    await expectStop(lab, 'CDC-1107');
  });

  test('stops if the slot was advanced past the stored position', async () => {
    await using lab = await bench();
    await stopped(lab);
    await lab.sql.query("INSERT INTO item VALUES (2, 'lost')");
    await lab.sql.query('SELECT pg_replication_slot_advance($1, pg_current_wal_insert_lsn())', [lab.slot]);
    await expectStop(lab, 'CDC-1107');
  });

  test('stops if the slot belongs to another plugin', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY)');
    await lab.sql.query("SELECT pg_create_logical_replication_slot($1, 'test_decoding')", [lab.slot]);
    await expectStop(lab, 'CDC-1101');
  });

  test('stops before it creates anything if no event can hold the type of a column', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, place box)');
    const task = await lab.start(NO_DATA);
    await expect(task.done).rejects.toThrow(
      'Column place of public.item has type box, which is not supported.',
    );
    const { rows } = await lab.sql.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [
      lab.slot,
    ]);
    expect(rows).toEqual([]);
    await lab.sql.query(`CREATE PUBLICATION pub_${lab.id} FOR TABLE item (id)`);
    await lab.start(NO_DATA);
    await until(40_000, 'the slot', async () => Object.keys(await lab.offset()).length > 0);
    await lab.sql.query("INSERT INTO item VALUES (1, '(1,1),(0,0)')");
    await lab.settled();
    expect((await lab.records('item'))[0]?.value?.after).toEqual({ id: 1 });
  });

  test('stops if the publication lacks a captured table and must not be changed', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)');
    await lab.sql.query(`CREATE PUBLICATION pub_${lab.id} FOR TABLE item`);
    await expectStop(lab, 'CDC-1110', { ...NO_DATA, 'publication.autocreate.mode': 'disabled' });
  });

  test('stops if the stored position belongs to another system or is ahead of the WAL', async () => {
    await using lab = await bench();
    await stopped(lab);
    const offset = await lab.offset();
    const write = (changed: Record<string, unknown>) =>
      source.alterOffsets(lab.config(), lab.context(), [
        { partition: { server: lab.id }, offset: { ...offset, ...changed } },
      ]);
    await write({ system_identifier: '7' });
    await expectStop(lab, 'CDC-1104');
    await write({ timeline: 99 });
    await expectStop(lab, 'CDC-1105');
    await write({ flush_lsn: 'FF/0' });
    await expectStop(lab, 'CDC-1108');
  });

  test('stops on a deferrable primary key and names its table', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY DEFERRABLE)');
    const task = await lab.start(NO_DATA);
    await expect(task.done).rejects.toMatchObject({
      code: 'CDC-1120',
      message: expect.stringContaining('public.item'),
    });
  });

  test('stops on a replica identity without the primary key', async () => {
    await using lab = await bench();
    await lab.sql.query(`CREATE TABLE item (id int PRIMARY KEY, code text NOT NULL UNIQUE);
      ALTER TABLE item REPLICA IDENTITY USING INDEX item_code_key`);
    await expectStop(lab, 'CDC-1121');
  });

  test('takes a new snapshot instead if snapshot.mode is when_needed', async () => {
    await using lab = await bench();
    await stopped(lab);
    await lab.sql.query('SELECT pg_drop_replication_slot($1)', [lab.slot]);
    await lab.sql.query("INSERT INTO item VALUES (2, 'not lost')");
    await lab.start({ 'snapshot.mode': 'when_needed' });
    await until(40_000, 'the snapshot', async () => (await lab.records('item')).length >= 3);
  });

  test('takes a snapshot if the offsets were removed and the slot exists', async () => {
    await using lab = await bench();
    await stopped(lab);
    await source.alterOffsets(lab.config(), lab.context(), null);
    expect(await lab.offset()).toEqual({});
    await lab.sql.query("INSERT INTO item VALUES (2, 'two')");
    await lab.start();
    await until(40_000, 'the rows', async () => {
      const seen = await lab.records('item');
      return (
        seen.some((r) => r.value?.op === 'r' && r.key?.id === 2) &&
        seen.some((r) => r.value?.op === 'c' && r.key?.id === 2)
      );
    });
  });
});
