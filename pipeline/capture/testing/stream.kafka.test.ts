import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, inject, test } from 'vitest';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import type { Defect } from '../../contract/stages.ts';
import { Bench, fold, until } from './lab.ts';
import type { SeenRecord } from './read-topic.ts';

const bench = () => Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
const NO_DATA = { 'snapshot.mode': 'no_data' };

const ops = (records: readonly SeenRecord[]) => records.map((r) => r.value?.op ?? 'tombstone').join(' ');
const positions = (records: readonly SeenRecord[]) => records.map((r) => r.position);

async function started(lab: Bench, overrides: Record<string, string> = NO_DATA) {
  const task = await lab.start(overrides);
  await until(40_000, 'the slot', async () => Object.keys(await lab.offset()).length > 0);
  return task;
}

describe('the stream', () => {
  test('orders concurrent changes of a key by their commits, not by their WAL records', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
    await lab.sql.query("INSERT INTO item VALUES (1, 'first')");
    const task = await started(lab);
    const [one, two] = [await lab.connect(), await lab.connect()];
    try {
      // The second transaction writes its first record before the first commits; its insert waits for the other's delete.
      await two.query('BEGIN');
      await two.query("INSERT INTO item VALUES (2, 'early record')");
      await one.query('BEGIN');
      await one.query('DELETE FROM item WHERE id = 1');
      const waiting = two.query("INSERT INTO item VALUES (1, 'second')");
      await one.query("INSERT INTO item VALUES (3, 'late record')");
      await one.query('COMMIT');
      await waiting;
      await two.query('COMMIT');
    } finally {
      await Promise.all([one.end(), two.end()]);
    }
    await lab.settled();
    await task.stop();
    const records = await lab.records('item');
    const live = fold(records);
    expect([...live.values()].map((row) => row.name).sort()).toEqual([
      'early record',
      'late record',
      'second',
    ]);
    // The test is meaningful only if WAL order and commit order differ.
    const early = records.find((r) => r.value?.after?.name === 'early record');
    const late = records.find((r) => r.value?.after?.name === 'late record');
    expect(Number(early?.value?.source.lsn)).toBeLessThan(Number(late?.value?.source.lsn));
    expect(early?.position.localeCompare(late?.position ?? '')).toBe(1);
  });

  test('gives every row of a COPY a distinct position', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
    const task = await started(lab);
    // COPY writes multi-insert records: the rows of a page share one record and its LSN.
    await lab.sql.query("COPY item FROM PROGRAM 'seq 1 3000 | sed ''s/$/\\tcopied/'''");
    await lab.settled();
    await task.stop();
    const records = await lab.records('item');
    expect(records).toHaveLength(3_000);
    expect(new Set(records.map((r) => r.value?.source.lsn)).size).toBeLessThan(300);
    expect(new Set(positions(records)).size).toBe(3_000);
    expect(positions(records)).toEqual([...positions(records)].sort());
  });

  test('resends a whole transaction with the same positions if it was not stored', async () => {
    await using lab = await bench();
    await lab.sql.query(
      'CREATE TABLE item (id int PRIMARY KEY, name text); CREATE TABLE other (id int PRIMARY KEY)',
    );
    const task = await started(lab);
    await lab.sql.query('INSERT INTO other VALUES (1)');
    await lab.settled();
    lab.crashPoints.arm(CRASH_POINTS.afterProduceBeforeAck);
    await lab.sql.query(
      'BEGIN; INSERT INTO other VALUES (2); INSERT INTO item SELECT i FROM generate_series(1, 50) i; COMMIT',
    );
    await until(40_000, 'the crash point', async () => lab.crashPoints.waiting.size > 0);
    const before = await lab.offset();
    await task.stop();
    expect(await lab.offset()).toEqual(before);
    lab.crashPoints.release(CRASH_POINTS.afterProduceBeforeAck);
    const again = await lab.start(NO_DATA);
    await lab.settled();
    await again.stop();
    const records = await lab.records('item');
    expect(records).toHaveLength(100);
    expect(positions(records.slice(50))).toEqual(positions(records.slice(0, 50)));
    expect((await lab.records('other')).map((r) => r.key?.id)).toEqual([1, 2, 2]);
  });

  test('flushes a position to PostgreSQL only after it is in the offsets topic', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY)');
    await started(lab);
    await lab.settled();
    lab.crashPoints.arm(CRASH_POINTS.afterOffsetBeforeFlush);
    await lab.sql.query('INSERT INTO item VALUES (1)');
    await until(40_000, 'the crash point', async () => lab.crashPoints.waiting.size > 0);
    const { rows } = await lab.sql.query<{ lsn: string }>(
      'SELECT confirmed_flush_lsn - $2::pg_lsn AS lsn FROM pg_replication_slots WHERE slot_name = $1',
      [lab.slot, (await lab.offset()).flush_lsn],
    );
    expect(Number(rows[0]?.lsn)).toBeLessThan(0);
    lab.crashPoints.release(CRASH_POINTS.afterOffsetBeforeFlush);
    await lab.settled();
  });

  test('lets PostgreSQL discard the WAL of tables that it does not capture', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE noise (id int PRIMARY KEY)');
    const task = await started(lab, { ...NO_DATA, 'table.include.list': 'public.item' });
    for (let i = 0; i < 3; i++) {
      await lab.sql.query('INSERT INTO noise SELECT i FROM generate_series($1::int, $1 + 999) i', [
        i * 1_000,
      ]);
      await lab.settled();
    }
    await task.stop();
    expect(await lab.records('item')).toEqual([]);
    expect(await lab.records('noise')).toEqual([]);
    expect(lab.log.filter((l) => l.level === 'error')).toEqual([]);
  });

  test('notices a captured table that was dropped and recreated, and snapshots it', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY)');
    await started(lab);
    await lab.settled();
    await lab.sql.query(
      'DROP TABLE item; CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1), (2)',
    );
    await until(45_000, 'its rows', async () => (await lab.records('item')).length >= 2);
    await lab.sql.query('INSERT INTO item VALUES (3)');
    await lab.settled();
    expect((await lab.records('item')).map((r) => r.value?.op)).toEqual(['r', 'r', 'c']);
  });

  test('publishes nothing while paused, keeps the slot, and continues when resumed', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY)');
    const task = await started(lab);
    await lab.settled();
    await task.pause();
    await lab.sql.query('INSERT INTO item SELECT i FROM generate_series(1, 10) i');
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await lab.records('item')).toEqual([]);
    const { rows } = await lab.sql.query(
      'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active',
      [lab.slot],
    );
    expect(rows).toHaveLength(1);
    await task.resume();
    await lab.settled();
    expect(await lab.records('item')).toHaveLength(10);
  });

  test('reads rows with the old columns before an ALTER, and with the new ones after it', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
    const task = await started(lab);
    await lab.settled();
    await task.pause();
    await lab.sql.query("INSERT INTO item VALUES (1, 'before')");
    await lab.sql.query("ALTER TABLE item ADD COLUMN tier text NOT NULL DEFAULT 'standard'");
    await lab.sql.query("INSERT INTO item VALUES (2, 'after', 'gold')");
    await task.resume();
    await lab.settled();
    const rows = (await lab.records('item')).map((r) => r.value?.after);
    expect(rows).toEqual([
      { id: 1, name: 'before' },
      { id: 2, name: 'after', tier: 'gold' },
    ]);
  });

  test('continues after its walsender was killed, and loses nothing', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY)');
    const task = await started(lab);
    for (let round = 0; round < 3; round++) {
      await lab.sql.query('INSERT INTO item SELECT i FROM generate_series($1::int, $1 + 99) i', [
        round * 100,
      ]);
      await lab.sql.query(
        'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1',
        [lab.slot],
      );
    }
    await lab.settled();
    expect(fold(await lab.records('item')).size).toBe(300);
    expect(task.health().map((h) => h.health)).not.toContain('failed');
  });

  test('retries from the stored position if Kafka fails, and stays running', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY)');
    let failures = 3;
    const flaky: Defect = {
      name: 'flaky',
      description: 'Fails after it has sent.',
      publish: (healthy) => ({
        async publish(records) {
          await healthy.publish(records);
          if (failures-- > 0) throw new Error('connect ECONNREFUSED');
        },
      }),
    };
    lab.defects.push(flaky);
    const task = await started(lab);
    await lab.sql.query('INSERT INTO item SELECT i FROM generate_series(1, 20) i');
    await until(40_000, 'a failure', async () => task.health().some((h) => h.health === 'degraded'));
    await lab.settled();
    const records = await lab.records('item');
    expect(records).toHaveLength(80);
    expect(new Set(positions(records)).size).toBe(20);
  });

  test('retries although its queue was full when Kafka failed in the middle of a large transaction', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
    let calls = 0;
    lab.defects.push({
      name: 'flaky',
      description: 'Fails three times before it sends.',
      publish: (healthy) => ({
        async publish(records) {
          if ([2, 5, 9].includes(calls++)) throw new Error('connect ECONNREFUSED');
          await healthy.publish(records);
        },
      }),
    });
    await started(lab, {
      ...NO_DATA,
      'max.batch.size': '50',
      'max.queue.size': '50',
      'max.queue.size.in.bytes': '2000',
    });
    await lab.sql.query("INSERT INTO item SELECT i, 'a' FROM generate_series(1, 1000) i");
    await lab.settled();
    const records = await lab.records('item');
    expect(calls).toBeGreaterThan(20);
    expect(fold(records).size).toBe(1_000);
    expect(positions(records.slice(-1_000))).toEqual([...new Set(positions(records))].sort());
  });

  test('waits for a broker that is down, and starts when it is up', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1)');
    const [host, port] = lab.bootstrap.split(':');
    const proxy = createServer((client) => {
      const server = connect(Number(port), host);
      client.pipe(server).pipe(client);
      for (const socket of [client, server]) socket.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port: proxyPort } = proxy.address() as AddressInfo;
    await new Promise((resolve) => proxy.close(resolve));
    lab.bootstrapOverride = `127.0.0.1:${proxyPort}`;
    const task = await lab.start();
    await until(40_000, 'the failure', async () => task.health().some((h) => h.health === 'degraded'));
    await new Promise<void>((resolve) => proxy.listen(proxyPort, '127.0.0.1', resolve));
    await until(40_000, 'the row', async () => (await lab.records('item')).length >= 1);
    expect(task.health().map((h) => h.health)).not.toContain('degraded');
    await task.stop();
    await expect(task.done).resolves.toBeUndefined();
    proxy.close();
  });

  test('skips TRUNCATE as Debezium does, and publishes it if it is not skipped', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY)');
    const task = await started(lab);
    await lab.sql.query('INSERT INTO item VALUES (1); TRUNCATE item');
    await lab.settled();
    await task.stop();
    await lab.start({ ...NO_DATA, 'skipped.operations': 'none' });
    await lab.sql.query('INSERT INTO item VALUES (2); TRUNCATE item');
    await lab.settled();
    expect(ops(await lab.records('item'))).toBe('c c t');
  });

  test('stops if a key changes and the WAL lacks an unchanged TOASTed value', async () => {
    await using lab = await bench();
    await lab.sql.query(
      'CREATE TABLE doc (id int PRIMARY KEY, body text); ALTER TABLE doc ALTER body SET STORAGE EXTERNAL',
    );
    await lab.sql.query("INSERT INTO doc VALUES (1, repeat('x', 10000))");
    const task = await started(lab);
    await lab.sql.query('UPDATE doc SET id = 2');
    await expect(task.done).rejects.toMatchObject({
      code: 'CDC-1122',
      message: expect.stringContaining('public.doc'),
    });
    expect(task.health().map((h) => h.health)).toEqual(['failed']);
  });

  test('sends a transaction larger than its queue, in order', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
    await started(lab, { ...NO_DATA, 'max.batch.size': '100', 'max.queue.size': '200' });
    await lab.sql.query("INSERT INTO item SELECT i, repeat('y', 200) FROM generate_series(1, 20000) i");
    await lab.settled();
    const records = await lab.records('item');
    expect(records).toHaveLength(20_000);
    expect(positions(records)).toEqual([...positions(records)].sort());
  });

  test('adds transaction metadata to each event, and publishes the start and end of transactions, if configured', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)');
    await started(lab, { 'provide.transaction.metadata': 'true' });
    await lab.sql.query('BEGIN; INSERT INTO item VALUES (1), (2); INSERT INTO other VALUES (1); COMMIT');
    await lab.sql.query('UPDATE item SET id = 3 WHERE id = 2');
    await lab.settled();
    const orders = (await lab.records('item')).map(
      ({ value }) => value && 'transaction' in value && value.transaction,
    );
    expect(orders).toMatchObject([
      { total_order: 1, data_collection_order: 1 },
      { total_order: 2, data_collection_order: 2 },
      { total_order: 1, data_collection_order: 1 },
      null,
      { total_order: 2, data_collection_order: 2 },
    ]);
    expect((await lab.topic('transaction')).map(({ value }) => value)).toMatchObject([
      { status: 'BEGIN', event_count: null, data_collections: null },
      {
        status: 'END',
        event_count: 3,
        data_collections: expect.arrayContaining([
          { data_collection: 'public.item', event_count: 2 },
          { data_collection: 'public.other', event_count: 1 },
        ]),
      },
      { status: 'BEGIN' },
      { status: 'END', event_count: 2 },
    ]);
  });

  test('skips the delete and the create of a changed key like other deletes and creates', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
    await lab.sql.query('CREATE PUBLICATION pub FOR ALL TABLES');
    await started(lab, { 'skipped.operations': 'u,d', 'publication.name': 'pub' });
    await lab.sql.query("INSERT INTO item VALUES (1, 'a')");
    await lab.sql.query("UPDATE item SET name = 'b'");
    await lab.sql.query('UPDATE item SET id = 2');
    await lab.sql.query('DELETE FROM item');
    await lab.settled();
    expect((await lab.records('item')).map(({ key, value }) => [key?.id, value?.op])).toEqual([
      [1, 'c'],
      [2, 'c'],
    ]);
  });

  test('creates a publication without the skipped operations, so that a changed key is no event', async () => {
    await using lab = await bench();
    await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY, name text)');
    await started(lab, { 'skipped.operations': 'u,t' });
    await lab.sql.query("INSERT INTO item VALUES (1, 'a')");
    await lab.sql.query('UPDATE item SET id = 2');
    await lab.sql.query('DELETE FROM item');
    await lab.settled();
    expect((await lab.records('item')).map(({ key, value }) => [key?.id, value?.op])).toEqual([
      [1, 'c'],
      [2, 'd'],
      [2, undefined],
    ]);
  });
});
