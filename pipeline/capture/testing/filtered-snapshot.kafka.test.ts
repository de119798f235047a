import { expect, inject, test } from 'vitest';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import { Bench, until } from './lab.ts';

const TABLES = `CREATE TABLE item (id int PRIMARY KEY, name text);
  INSERT INTO item SELECT i, 'old' FROM generate_series(1, 100) i;
  CREATE TABLE other (id int, name text);
  INSERT INTO other SELECT i, 'it''s (' FROM generate_series(1, 10) i;
  ALTER TABLE other REPLICA IDENTITY FULL;
  CREATE TABLE debezium_signal (id text PRIMARY KEY, type text, data text)`;

/** A lab that streams and has published no row yet. */
async function streaming(): Promise<Bench> {
  const lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
  await lab.sql.query(TABLES);
  return lab;
}
const SETTINGS = { 'snapshot.mode': 'no_data', 'incremental.snapshot.chunk.size': '10' };

async function start(lab: Bench) {
  const task = await lab.start(SETTINGS);
  await until(40_000, 'the slot', async () => (await lab.offset()).snapshot_completed === true);
  return task;
}

type Filters = Readonly<Record<string, string>>;

async function signal(lab: Bench, id: string, filters: Filters, type = 'incremental'): Promise<void> {
  const data = {
    'data-collections': ['public\\.item', 'public.other'],
    type,
    'additional-conditions': Object.entries(filters).map(([name, filter]) => ({
      'data-collection': name,
      filter,
    })),
  };
  const values = [id, JSON.stringify(data)];
  await lab.sql.query("INSERT INTO debezium_signal VALUES ($1, 'execute-snapshot', $2)", values);
}

/** Waits until every ordered snapshot is published or given up. */
async function done(lab: Bench): Promise<void> {
  await lab.settled();
  const open = async () => ((await lab.offset()).snapshots as unknown[]).length;
  await until(40_000, 'the snapshots', async () => (await open()) === 0);
}

async function idsOf(lab: Bench, table: string): Promise<number[]> {
  const rows = await lab.records(table);
  return rows.filter(({ value }) => value?.op === 'r').map(({ value }) => Number(value?.after?.id));
}

const errors = (lab: Bench) => lab.log.filter(({ level }) => level === 'error').map(({ message }) => message);

test.each(['incremental', 'blocking'])(
  '%s: only rows that meet the conditions are read, each once',
  async (type) => {
    await using lab = await streaming();
    await start(lab);
    // The OR stays within its parentheses; the condition on the next chunk's key is outside of them.
    const filters = {
      'public.item': "id <= 25 OR (id, name) IN ((77, 'old'), (78, 'new'))",
      'public.other': "name = 'it''s (' AND id > 8",
    };
    await signal(lab, 's', filters, type);
    await done(lab);
    expect((await idsOf(lab, 'item')).sort((a, b) => a - b)).toEqual([
      ...Array.from({ length: 25 }, (_, i) => i + 1),
      77,
    ]);
    expect((await idsOf(lab, 'other')).sort((a, b) => a - b)).toEqual([9, 10]);
    expect(errors(lab)).toEqual([]);
  },
);

test('a condition survives a restart in the middle of its snapshot', async () => {
  await using lab = await streaming();
  const first = await start(lab);
  lab.crashPoints.arm(CRASH_POINTS.midSnapshotChunk, 1);
  await signal(lab, 's', { 'public.item': 'id % 2 = 0', 'public.other': 'false' });
  await until(40_000, 'the second chunk', async () => lab.crashPoints.waiting.size > 0);
  await first.stop();
  lab.crashPoints.release(CRASH_POINTS.midSnapshotChunk);
  await start(lab);
  await done(lab);
  const ids = await idsOf(lab, 'item');
  expect([...new Set(ids)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i + 2));
  expect(await idsOf(lab, 'other')).toEqual([]);
});

test('an invalid condition is reported, and delays neither the stream nor the next snapshot', async () => {
  await using lab = await streaming();
  await start(lab);
  const refused: readonly (readonly [Filters, string])[] = [
    [{ 'public.item': 'true) OR (true' }, 'brackets do not match'],
    [{ 'public.item': 'true; DELETE FROM item' }, 'semicolon'],
    [{ 'public.item': '' }, 'it is empty'],
    [{ 'public.third': 'true' }, 'matches no table of the snapshot'],
    [{ 'public.item': 'true', 'PUBLIC.ITEM': 'false' }, 'two conditions'],
    [{ 'public.item': 'SELECT * FROM public.item' }, 'must return only one column'],
    [{ 'public.item': 'colour = 1' }, 'does not exist'],
    [{ 'public.item': 'id' }, 'must be type boolean'],
    [{ 'public.item': 'id = $1' }, 'it holds a parameter'],
    [{ 'public.item': '1 / (id - 50) < 2 AND id > 40' }, 'division by zero'],
    [{ 'public.item': "nextval('public.n') > 0" }, 'read-only transaction'],
    [{ 'public.item': `name = '${'x'.repeat(600_000)}'` }, 'too long'],
  ];
  await lab.sql.query('CREATE SEQUENCE n');
  for (const [i, [filters]] of refused.entries()) await signal(lab, `bad-${i}`, filters);
  await signal(lab, 'good', { 'public.item': 'id = 7', 'public.other': 'false' });
  await lab.sql.query("INSERT INTO item VALUES (1000, 'live')");
  await done(lab);
  expect(errors(lab)).toHaveLength(refused.length);
  for (const [, why] of refused)
    expect(errors(lab).filter((message) => message.includes(why))).toHaveLength(1);
  const ids = await idsOf(lab, 'item');
  // Only rows that were read before the row on which a condition fails are published.
  expect(ids.filter((id) => id < 41 || id > 49)).toEqual([7]);
  const live = (await lab.records('item')).filter(({ value }) => value?.op === 'c');
  expect(live.map(({ value }) => value?.after?.id)).toEqual([1000]);
});
