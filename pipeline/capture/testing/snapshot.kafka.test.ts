import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, inject, test } from 'vitest';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import { Bench, fold, until } from './lab.ts';

const bench = () => Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
const ITEM = 'CREATE TABLE item (id int PRIMARY KEY, name text, version int NOT NULL DEFAULT 0)';
const SIGNAL = 'CREATE TABLE debezium_signal (id text PRIMARY KEY, type text, data text)';

async function completed(lab: Bench): Promise<void> {
  await until(40_000, 'the snapshot', async () => (await lab.offset()).snapshot_completed === true);
}

async function wanted(lab: Bench): Promise<Map<string, unknown>> {
  const { rows } = await lab.sql.query('SELECT id, name, version FROM item');
  return new Map(rows.map((row) => [JSON.stringify({ id: row.id }), row]));
}

async function signal(lab: Bench, id: string, type: 'incremental' | 'blocking'): Promise<void> {
  await lab.sql.query("INSERT INTO debezium_signal VALUES ($1, 'execute-snapshot', $2)", [
    id,
    JSON.stringify({ 'data-collections': ['public.item'], type }),
  ]);
}

/** Inserts, updates, deletes and changes keys until it is stopped. */
function writer(lab: Bench): { stop(): Promise<number> } {
  let on = true;
  const work = (async () => {
    const client = await lab.connect();
    let n = 0;
    for (; on; n++) {
      const id = 1 + ((n * 7919) % 400);
      await client.query(
        'INSERT INTO item VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET version = item.version + 1',
        [id, `w${n}`],
      );
      if (n % 5 === 0) await client.query('DELETE FROM item WHERE id = $1', [1 + ((n * 31) % 400)]);
      if (n % 7 === 0) {
        await client.query(
          'UPDATE item SET id = id + 1000 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM item WHERE id = $1 + 1000)',
          [1 + ((n * 17) % 400)],
        );
      }
    }
    await client.end();
    return n;
  })();
  return {
    async stop() {
      on = false;
      return await work;
    },
  };
}

describe('snapshots', () => {
  test('publishes existing rows and later changes, each once and in order', async () => {
    await using lab = await bench();
    await lab.sql.query(`${ITEM}; INSERT INTO item SELECT i, 'old ' || i FROM generate_series(1, 25) i`);
    const task = await lab.start({ 'snapshot.fetch.size': '10' });
    await completed(lab);
    await lab.sql.query("INSERT INTO item VALUES (100, 'new')");
    await lab.sql.query("UPDATE item SET name = 'changed' WHERE id = 100");
    await lab.sql.query('DELETE FROM item WHERE id = 100');
    await lab.settled();
    await task.stop();
    const records = await lab.records('item');
    const ops = records.map((r) => r.value?.op ?? 'tombstone');
    expect(ops).toEqual([...Array.from({ length: 25 }, () => 'r'), 'c', 'u', 'd', 'tombstone']);
    expect(records[0]?.value?.source.snapshot).toBe('first');
    expect(records[24]?.value?.source.snapshot).toBe('last');
    const positions = records.slice(24, 28).map((r) => r.position);
    expect(positions).toEqual([...positions].sort());
    expect(new Set(positions).size).toBe(4);
  });

  test('leaves no gap and no overlap to the stream while others write', async () => {
    await using lab = await bench();
    await lab.sql.query(`${ITEM}; INSERT INTO item SELECT i, 'old' FROM generate_series(1, 400) i`);
    const writing = writer(lab);
    await lab.start({ 'snapshot.fetch.size': '20' });
    await completed(lab);
    await delay(300);
    expect(await writing.stop()).toBeGreaterThan(20);
    await lab.settled();
    const records = await lab.records('item');
    expect(fold(records)).toEqual(await wanted(lab));
    // No overlap: a row of the snapshot is older than every change of its key.
    const reads = new Map(
      records.filter((r) => r.value?.op === 'r').map((r) => [JSON.stringify(r.key), r.position]),
    );
    for (const { key, value, position } of records) {
      const read = reads.get(JSON.stringify(key));
      if (read && value && value.op !== 'r') expect(position > read).toBe(true);
    }
  });

  test('resumes at the current chunk after a crash in the first snapshot', async () => {
    await using lab = await bench();
    await lab.sql.query(`${ITEM}; INSERT INTO item SELECT i, 'old' FROM generate_series(1, 400) i`);
    lab.crashPoints.arm(CRASH_POINTS.midSnapshotChunk, 2);
    const first = await lab.start({ 'snapshot.fetch.size': '50' });
    await until(40_000, 'the third chunk', async () => lab.crashPoints.waiting.size > 0);
    await first.stop();
    lab.crashPoints.release(CRASH_POINTS.midSnapshotChunk);
    expect((await lab.offset()).snapshot).toBe('INITIAL');
    await lab.sql.query('DELETE FROM item WHERE id IN (10, 200)');
    await lab.sql.query('UPDATE item SET version = 9 WHERE id IN (20, 210)');
    await lab.sql.query("INSERT INTO item VALUES (-5, 'below'), (1000, 'above')");
    await lab.start({ 'snapshot.fetch.size': '50' });
    await completed(lab);
    await lab.settled();
    const records = await lab.records('item');
    expect(fold(records)).toEqual(await wanted(lab));
    const reads = records.filter((r) => r.value?.op === 'r').map((r) => Number(r.key?.id));
    expect(reads.filter((id) => id <= 100)).toHaveLength(100);
    expect(new Set(reads).size).toBe(reads.length);
  });

  test('skips updates of rows that no snapshot has, after a crash in the first one', async () => {
    await using lab = await bench();
    await lab.sql.query(`CREATE TABLE item (id int PRIMARY KEY, version int NOT NULL, body text NOT NULL);
      ALTER TABLE item ALTER COLUMN body SET STORAGE EXTERNAL;
      INSERT INTO item SELECT i, 1, repeat('x', 3000) FROM generate_series(1, 40) i`);
    lab.crashPoints.arm(CRASH_POINTS.midSnapshotChunk, 1);
    const first = await lab.start({ 'snapshot.fetch.size': '10' });
    await until(40_000, 'the second chunk', async () => lab.crashPoints.waiting.size > 0);
    await first.stop();
    lab.crashPoints.release(CRASH_POINTS.midSnapshotChunk);
    // 5 is published, 30 is not. Both are updated without their unchanged body, and deleted before the second snapshot.
    await lab.sql.query('UPDATE item SET version = 2 WHERE id IN (5, 6, 30, 31)');
    await lab.sql.query('DELETE FROM item WHERE id IN (5, 30)');
    await lab.start({ 'snapshot.fetch.size': '10' });
    await completed(lab);
    await lab.sql.query('UPDATE item SET version = 3 WHERE id = 31');
    await lab.settled();
    const records = await lab.records('item');
    const known = new Set<number>();
    for (const { key, value } of records) {
      const id = Number(key?.id);
      if (value?.op === 'r' || value?.op === 'c') known.add(id);
      if (value?.op === 'd') known.delete(id);
      if (value?.op === 'u') expect(known).toContain(id);
    }
    expect(known.size).toBe(38);
    expect(records.filter(({ value }) => value?.op === 'u').map(({ key }) => Number(key?.id))).toEqual([31]);
  });

  test('reads composite keys, and a table without a key with a warning', async () => {
    await using lab = await bench();
    await lab.sql.query(`CREATE TABLE pair (a int, b text, c int, PRIMARY KEY (b, a));
      INSERT INTO pair SELECT i % 10, 'k' || i / 10, i FROM generate_series(0, 99) i;
      CREATE TABLE loose (x int); ALTER TABLE loose REPLICA IDENTITY FULL;
      INSERT INTO loose SELECT 1 FROM generate_series(1, 30)`);
    await lab.start({ 'snapshot.fetch.size': '7' });
    await completed(lab);
    expect(fold(await lab.records('pair')).size).toBe(100);
    const loose = await lab.records('loose');
    expect(loose).toHaveLength(30);
    expect(loose.every((r) => r.key === null)).toBe(true);
    expect(lab.log.some((l) => l.level === 'warn' && l.message.includes('without primary key'))).toBe(true);
  });

  test('runs an incremental snapshot beside the stream, which continues while a chunk is held', async () => {
    await using lab = await bench();
    await lab.sql.query(
      `${ITEM}; ${SIGNAL}; INSERT INTO item SELECT i, 'old' FROM generate_series(1, 100) i`,
    );
    await lab.start({ 'snapshot.mode': 'no_data', 'snapshot.fetch.size': '40' });
    await until(40_000, 'the slot', async () => (await lab.offset()).snapshot_completed === true);
    lab.crashPoints.arm(CRASH_POINTS.midSnapshotChunk);
    await signal(lab, 's1', 'incremental');
    await until(40_000, 'the chunk', async () => lab.crashPoints.waiting.size > 0);
    await lab.sql.query("UPDATE item SET name = 'live', version = 1 WHERE id <= 10");
    await lab.sql.query('DELETE FROM item WHERE id = 50');
    await lab.settled();
    const held = await lab.records('item');
    expect(held.filter((r) => r.value?.op === 'u')).toHaveLength(10);
    expect(held.filter((r) => r.value?.op === 'r')).toHaveLength(0);
    expect((await lab.offset()).snapshots).toMatchObject([{ id: 's1', kind: 'incremental' }]);
    lab.crashPoints.release(CRASH_POINTS.midSnapshotChunk);
    await until(
      40_000,
      'the snapshot',
      async () => ((await lab.offset()).snapshots as unknown[]).length === 0,
    );
    const records = await lab.records('item');
    expect(records.filter((r) => r.value?.source.snapshot === 'incremental')).toHaveLength(100);
    // The rows were read before the live changes and published after them, so they must lose.
    expect(fold(records)).toEqual(await wanted(lab));
    expect(await lab.records('debezium_signal')).toEqual([]);
  });

  test('completes an incremental snapshot after a restart in the middle of it', async () => {
    await using lab = await bench();
    await lab.sql.query(
      `${ITEM}; ${SIGNAL}; INSERT INTO item SELECT i, 'old' FROM generate_series(1, 100) i`,
    );
    const first = await lab.start({ 'snapshot.mode': 'no_data', 'snapshot.fetch.size': '30' });
    await until(40_000, 'the slot', async () => (await lab.offset()).snapshot_completed === true);
    lab.crashPoints.arm(CRASH_POINTS.midSnapshotChunk, 1);
    await signal(lab, 's2', 'incremental');
    await until(40_000, 'the second chunk', async () => lab.crashPoints.waiting.size > 0);
    await first.stop();
    lab.crashPoints.release(CRASH_POINTS.midSnapshotChunk);
    await lab.start({ 'snapshot.mode': 'no_data', 'snapshot.fetch.size': '30' });
    await until(
      40_000,
      'the snapshot',
      async () => ((await lab.offset()).snapshots as unknown[]).length === 0,
    );
    const records = await lab.records('item');
    expect(records.filter((r) => r.value?.op === 'r')).toHaveLength(100);
    expect(fold(records).size).toBe(100);
  });

  test('holds the stream during a blocking snapshot', async () => {
    await using lab = await bench();
    await lab.sql.query(
      `${ITEM}; ${SIGNAL}; INSERT INTO item SELECT i, 'old' FROM generate_series(1, 100) i`,
    );
    await lab.start({ 'snapshot.fetch.size': '40' });
    await completed(lab);
    lab.crashPoints.arm(CRASH_POINTS.midSnapshotChunk);
    await signal(lab, 's3', 'blocking');
    await until(40_000, 'the chunk', async () => lab.crashPoints.waiting.size > 0);
    await lab.sql.query("UPDATE item SET name = 'live'");
    await delay(300);
    expect((await lab.records('item')).filter((r) => r.value?.op === 'u')).toHaveLength(0);
    lab.crashPoints.release(CRASH_POINTS.midSnapshotChunk);
    await lab.settled();
    const records = await lab.records('item');
    expect(records.filter((r) => r.value?.op === 'r')).toHaveLength(200);
    expect(fold(records)).toEqual(await wanted(lab));
  });

  test('takes another snapshot of all tables at each start if snapshot.mode is always', async () => {
    await using lab = await bench();
    await lab.sql.query(`${ITEM}; INSERT INTO item SELECT i, 'old' FROM generate_series(1, 10) i`);
    const first = await lab.start({ 'snapshot.mode': 'always' });
    await completed(lab);
    await first.stop();
    await lab.start({ 'snapshot.mode': 'always' });
    await until(40_000, 'the second', async () => (await lab.records('item')).length >= 20);
    await completed(lab);
  });

  test('reads every value as the stream sends it', async () => {
    await using lab = await bench();
    await lab.sql.query(`CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN low_mood AS mood CHECK (value = 'sad');
      CREATE TABLE item (id int PRIMARY KEY, n int, b bool, i2 int2, i8 int8, f4 float4, f8 float8, d numeric(12, 2),
        t text, v varchar(9), c char(5), u uuid, da date, ti time, ts timestamp, tz timestamptz, iv interval, j json,
        jb jsonb, by bytea, m mood, ia int[], ta text[], ma mood[], lm low_mood, g int GENERATED ALWAYS AS (id * 2) STORED);
      INSERT INTO item VALUES (1, 0, true, 2, 3, 1.1, 0.1, 12345.60, 'ä''"', 'v', 'c',
        '00000000-0000-0000-0000-00000000000a', '2024-02-29', '12:34:56.789012', '2024-02-29 12:34:56.789012',
        '2024-02-29 12:34:56.7+05', '1 year 2 mons 3 days 04:05:06.7', '{"a": 1}', '{"b":[1,2]}', '\\x00ff', 'glad',
        '{1,NULL,3}', '{"a,b","c\\"d"}', '{sad,glad}', 'sad'),
        (2, 0, ${Array.from({ length: 23 }, () => 'NULL').join(', ')})`);
    await lab.sql.query(`ALTER DATABASE ${lab.id} SET DateStyle = 'German'`);
    await lab.sql.query(`ALTER DATABASE ${lab.id} SET TimeZone = 'Asia/Tokyo'`);
    await lab.sql.query(`ALTER DATABASE ${lab.id} SET IntervalStyle = 'iso_8601'`);
    await lab.sql.query(`ALTER DATABASE ${lab.id} SET bytea_output = 'escape'`);
    await lab.sql.query(`ALTER DATABASE ${lab.id} SET extra_float_digits = -5`);
    await lab.start();
    await completed(lab);
    await lab.sql.query('UPDATE item SET n = 0');
    await lab.settled();
    const records = await lab.records('item');
    const images = (op: string) => records.filter((r) => r.value?.op === op).map((r) => r.value?.after);
    expect(images('r')).toHaveLength(2);
    expect(images('u')).toEqual(images('r'));
    expect(images('r')[0]).not.toHaveProperty('g');
    expect(images('r')[0]).toMatchObject({ m: 'glad', lm: 'sad' });
  });

  test('stops an incremental snapshot when a signal says so', async () => {
    await using lab = await bench();
    await lab.sql.query(
      `${ITEM}; ${SIGNAL}; INSERT INTO item SELECT i, 'old' FROM generate_series(1, 100) i`,
    );
    await lab.start({ 'snapshot.mode': 'no_data', 'snapshot.fetch.size': '10' });
    await until(40_000, 'the slot', async () => (await lab.offset()).snapshot_completed === true);
    lab.crashPoints.arm(CRASH_POINTS.midSnapshotChunk, 1);
    await signal(lab, 's4', 'incremental');
    await until(40_000, 'the second chunk', async () => lab.crashPoints.waiting.size > 0);
    await lab.sql.query(
      "INSERT INTO debezium_signal VALUES ('stop', 'stop-snapshot', '{}'), ('odd', 'dance', NULL)",
    );
    await until(40_000, 'the stop', async () => ((await lab.offset()).snapshots as unknown[]).length === 0);
    lab.crashPoints.release(CRASH_POINTS.midSnapshotChunk);
    await lab.settled();
    expect((await lab.records('item')).length).toBeLessThan(30);
    expect(lab.log.some((l) => l.level === 'error' && l.message.includes('"dance" is not supported'))).toBe(
      true,
    );
  });

  test('snapshots a table that was added to the publication on a later start', async () => {
    await using lab = await bench();
    await lab.sql.query(`${ITEM}`);
    const first = await lab.start();
    await completed(lab);
    await first.stop();
    await lab.sql.query('CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1), (2)');
    await lab.start();
    await until(40_000, 'its rows', async () => (await lab.records('late')).length >= 2);
  });

  test('snapshots a table that was added while it ran before it streams its changes', async () => {
    await using lab = await bench();
    await lab.sql.query(`${ITEM}; ${SIGNAL}`);
    const task = await lab.start();
    await completed(lab);
    lab.crashPoints.arm(CRASH_POINTS.midSnapshotChunk);
    await lab.sql.query(
      `CREATE TABLE document (id int PRIMARY KEY, title text, body text);
       ALTER TABLE document ALTER COLUMN body SET STORAGE EXTERNAL;
       INSERT INTO document SELECT i, 'old', repeat('x', 4000) FROM generate_series(1, 3) i`,
    );
    await until(45_000, 'its first chunk', async () =>
      lab.crashPoints.waiting.has(CRASH_POINTS.midSnapshotChunk),
    );
    // The snapshot after the crash sees these; the stream starts before them.
    await lab.sql.query("UPDATE document SET title = 'new' WHERE id < 3");
    await lab.sql.query('DELETE FROM document WHERE id = 2');
    await task.stop();
    lab.crashPoints.release(CRASH_POINTS.midSnapshotChunk);
    await lab.start();
    await lab.settled();
    const records = await lab.records('document');
    const body = 'x'.repeat(4000);
    expect(records.filter(({ value }) => value?.op === 'r').map(({ value }) => value?.after)).toEqual([
      { id: 1, title: 'new', body },
      { id: 3, title: 'old', body },
    ]);
    expect(records.filter(({ value }) => value?.op === 'u')).toEqual([]);
    expect([...fold(records).values()].map(({ id }) => id)).toEqual([1, 3]);
    await lab.sql.query("UPDATE document SET title = 'newer' WHERE id = 1");
    await lab.settled();
    const last = (await lab.records('document')).at(-1);
    expect(last?.value?.after).toMatchObject({ title: 'newer', body: '__debezium_unavailable_value' });
  });
});
