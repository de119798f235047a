import { expect, inject, test } from 'vitest';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import { Bench, until } from './lab.ts';
import type { SeenRecord } from './read-topic.ts';

const TABLES = `CREATE TABLE item (id int PRIMARY KEY, name text);
  INSERT INTO item SELECT i, 'old' FROM generate_series(1, 40) i;
  CREATE TABLE debezium_signal (id text PRIMARY KEY, type text, data text)`;
const KEYS = { 'topic.creation.default.partitions': '3', 'snapshot.fetch.size': '10' };

async function bench(): Promise<Bench> {
  const lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
  await lab.sql.query(TABLES);
  return lab;
}

async function order(lab: Bench, data: object): Promise<void> {
  const values = ['s', JSON.stringify({ 'data-collections': ['public.item'], ...data })];
  await lab.sql.query("INSERT INTO debezium_signal VALUES ($1, 'execute-snapshot', $2)", values);
}

async function done(lab: Bench): Promise<void> {
  await lab.settled();
  await until(
    40_000,
    'the snapshots',
    async () => ((await lab.offset()).snapshots as unknown[]).length === 0,
  );
}

const sweeps = (records: readonly SeenRecord[]) => records.filter(({ sweep }) => sweep !== null);

/** Whether each partition has its rows of the snapshot in front of the record that ends it. */
function endsEach(records: readonly SeenRecord[]): boolean {
  return [0, 1, 2].every((partition) => {
    const own = records.filter((record) => record.partition === partition);
    const end = own.findIndex(({ sweep }) => sweep !== null);
    return end >= 0 && own.findLastIndex(({ value }) => value?.op === 'r') < end;
  });
}

test.each(['incremental', 'blocking'])(
  '%s: a sweep is one record behind the rows in each partition',
  async (type) => {
    await using lab = await bench();
    await lab.start({ ...KEYS, 'snapshot.mode': 'no_data' });
    await until(40_000, 'the slot', async () => (await lab.offset()).snapshot_completed === true);
    await order(lab, { type, sweep: true });
    await done(lab);
    const records = await lab.records('item');
    expect(endsEach(records)).toBe(true);
    const [read] = records.filter(({ value }) => value?.op === 'r');
    const source = { name: lab.id, db: lab.id, schema: 'public', table: 'item' };
    const said = { snapshot: 's', partitions: 3, before: read?.position, key: ['id'], source };
    expect(sweeps(records).map(({ sweep, key, value }) => ({ sweep, key, value }))).toEqual(
      Array.from({ length: 3 }, () => ({ sweep: said, key: null, value: null })),
    );
  },
);

test('the first snapshot sweeps only if the configuration says so', async () => {
  for (const [keys, count] of [
    [{ 'snapshot.sweep': 'true' }, 3],
    [{}, 0],
  ] as const) {
    await using lab = await bench();
    await lab.start({ ...KEYS, ...keys });
    await until(40_000, 'the snapshot', async () => (await lab.offset()).snapshot_completed === true);
    expect(sweeps(await lab.records('item'))).toHaveLength(count);
  }
});

test('an interrupted snapshot does not sweep; when it has gone on, it does, before its first part', async () => {
  await using lab = await bench();
  const first = await lab.start({ ...KEYS, 'snapshot.mode': 'no_data' });
  await until(40_000, 'the slot', async () => (await lab.offset()).snapshot_completed === true);
  lab.crashPoints.arm(CRASH_POINTS.midSnapshotChunk, 2);
  await order(lab, { sweep: true });
  await until(40_000, 'the third chunk', async () => lab.crashPoints.waiting.size > 0);
  await first.stop();
  lab.crashPoints.release(CRASH_POINTS.midSnapshotChunk);
  const before = await lab.records('item');
  expect(sweeps(before)).toEqual([]);
  await lab.sql.query("INSERT INTO item VALUES (41, 'new')");
  await lab.start({ ...KEYS, 'snapshot.mode': 'no_data' });
  await done(lab);
  const records = await lab.records('item');
  expect(endsEach(records)).toBe(true);
  const positions = records.filter(({ value }) => value?.op === 'r').map(({ position }) => position);
  expect(new Set(positions).size).toBe(2);
  expect(sweeps(records).map(({ sweep }) => sweep?.before)).toEqual(
    Array.from({ length: 3 }, () => positions.toSorted()[0]),
  );
});

test('a sweep of some rows only is refused, and so is one that is stopped', async () => {
  await using lab = await bench();
  await lab.start({ ...KEYS, 'snapshot.mode': 'no_data' });
  await until(40_000, 'the slot', async () => (await lab.offset()).snapshot_completed === true);
  const conditions = [{ 'data-collection': 'public.item', filter: 'id < 5' }];
  await order(lab, { 'additional-conditions': conditions, sweep: true });
  await done(lab);
  expect(lab.log.filter(({ level }) => level === 'error')).toMatchObject([
    { message: expect.stringContaining('its conditions leave rows out') },
  ]);
  expect(await lab.records('item')).toEqual([]);
});
