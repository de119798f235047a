import { describe, expect, test } from 'vitest';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import { applyBench, del, put, TOPIC, truncate } from '../testing/apply-bench.ts';
import {
  decimal,
  type EventSpec,
  type Fields,
  positionAt,
  type RawRecord,
  rawEvent,
  rawTombstone,
} from '../testing/event-fixture.ts';
import { until } from '../testing/test-context.ts';
import { ZombieError } from './offset-store.ts';

const PLACEHOLDER = '__debezium_unavailable_value';
const bench = applyBench();

describe('the position guard', () => {
  test('creates the table, fills in the metadata, and stores the offset with the rows', async () => {
    const sink = await bench.open();
    expect(await sink.apply(put(1, 'a', [5, 2], 'c'))).toEqual({
      applied: 1,
      suppressed: 0,
      deadLettered: 0,
    });
    const [found] = await bench.db.rows(
      `SELECT id, name, amount::text, _cdc_op, _cdc_lsn, _cdc_position, _cdc_source_ts::text, _cdc_captured_at::text,
              now() - _cdc_received_at < interval '1 minute' AS recent FROM customers`,
    );
    expect(found).toEqual({
      id: 1,
      name: 'a',
      amount: '1.00',
      _cdc_op: 'c',
      _cdc_lsn: '0/12345678',
      _cdc_position: positionAt(5, 2),
      _cdc_source_ts: expect.stringMatching(/^2023-11-14 2\d:13:20.000001\+0/),
      _cdc_captured_at: expect.stringMatching(/^2023-11-14 2\d:13:20.5\+0/),
      recent: true,
    });
    expect(await bench.nextOffset()).toBe(1);
  });

  test('a table whose name has no schema is in the first schema of currentSchema, beside the offsets', async () => {
    await bench.db.rows('CREATE SCHEMA "Shop"');
    const url = `${bench.db.config['connection.url']}?currentSchema=%22Shop%22,public`;
    const sink = await bench.open({ 'connection.url': url });
    await sink.apply(put(1, 'a', [5, 2], 'c'));
    expect(await bench.db.rows('SELECT id, name FROM "Shop".customers')).toEqual([{ id: 1, name: 'a' }]);
    expect(await bench.db.rows('SELECT next_offset::int AS n FROM "Shop"._cdc_offsets')).toEqual([{ n: 1 }]);
    expect(sink.context.counts.get('applied Shop.customers')).toBe(1);
  });

  test('an older position never overwrites a newer one, in the same batch or a later one', async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'new', [9, 1]));
    expect(await sink.apply(put(1, 'old', [3, 1], 'r'), put(2, 'b', [3, 1], 'r'))).toMatchObject({
      applied: 1,
      suppressed: 1,
    });
    expect(await bench.names()).toBe('1:new 2:b');
  });

  test('counts duplicates as suppressed, event by event, also in a batch that is folded by key', async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'a', [1, 1]), put(1, 'b', [2, 1]));
    const outcome = await sink.apply(
      put(1, 'a', [1, 1]),
      put(1, 'b', [2, 1]),
      put(1, 'c', [3, 1]),
      put(1, 'c', [3, 1]),
    );
    expect(outcome).toEqual({ applied: 1, suppressed: 3, deadLettered: 0 });
    expect(await bench.names()).toBe('1:c');
    const [stats] = await bench.db.rows('SELECT applied::int, suppressed::int, table_name FROM _cdc_stats');
    expect(stats).toEqual({ applied: 3, suppressed: 3, table_name: 'public.customers' });
  });

  test('a replay does not bring back a deleted row', async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'a', [1, 1]), del(1, [2, 1]), rawTombstone(1, [2, 1]));
    expect(await sink.apply(put(1, 'a', [1, 1]), del(1, [2, 1]), rawTombstone(1, [2, 1]))).toEqual({
      applied: 0,
      suppressed: 2,
      deadLettered: 0,
    });
    expect(await sink.apply(put(1, 'a', [1, 1]))).toMatchObject({ applied: 0, suppressed: 1 });
    expect(await bench.names()).toBe('');
    await sink.apply(put(1, 'back', [3, 1]));
    expect(await bench.names()).toBe('1:back');
  });

  test('a delete that is older than the row does not delete it', async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'new', [9, 1]));
    await sink.apply(del(1, [5, 1]));
    expect(await bench.names()).toBe('1:new');
  });

  test('a TRUNCATE empties the table up to its position, and a replay from before it stays out', async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'a', [1, 1]), put(2, 'b', [9, 1]), truncate([5, 1]), put(3, 'c', [6, 1]));
    expect(await bench.names()).toBe('2:b 3:c');
    expect(await sink.apply(put(1, 'a', [1, 1]), truncate([5, 1]))).toMatchObject({
      applied: 0,
      suppressed: 2,
    });
    expect(await bench.names()).toBe('2:b 3:c');
  });

  test('without it (dedup.mode=none) the last delivered event wins', async () => {
    const sink = await bench.open({ 'dedup.mode': 'none' });
    await sink.apply(put(1, 'new', [9, 1]));
    await sink.apply(put(1, 'old', [3, 1], 'r'));
    expect(await bench.names()).toBe('1:old');
    await sink.apply(del(1, [1, 1]));
    expect(await bench.names()).toBe('');
  });
});

describe('unchanged TOAST values', () => {
  const partial = (name: string, at: EventSpec['at']): RawRecord =>
    rawEvent({ op: 'u', id: 1, after: { id: 1, name: PLACEHOLDER, amount: decimal(Number(name)) }, at });

  test('are left as they are in the sink', async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'long text', [1, 1]));
    expect(await sink.apply(partial('200', [2, 1]))).toMatchObject({ applied: 1 });
    expect(await bench.db.rows('SELECT name, amount::text FROM customers')).toEqual([
      { name: 'long text', amount: '2.00' },
    ]);
  });

  test('are never taken from an older snapshot row that the guard drops', async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'live', [5, 1]));
    await sink.apply(put(1, 'stale', [3, 0], 'r'), partial('200', [6, 1]));
    expect(await bench.db.rows('SELECT name, amount::text FROM customers')).toEqual([
      { name: 'live', amount: '2.00' },
    ]);
  });

  test('of a row that the sink does not have stop the task, and the placeholder is never written', async () => {
    const sink = await bench.open();
    await sink.apply(put(2, 'other', [1, 1]));
    await expect(sink.apply(partial('200', [2, 1]))).rejects.toMatchObject({
      code: 'CDC-2010',
      message: expect.stringContaining('unchanged TOAST value'),
    });
    expect(await bench.names()).toBe('2:other');
  });

  test('of a row that was deleted later are suppressed', async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'a', [1, 1]), del(1, [9, 1]));
    expect(await sink.apply(partial('200', [2, 1]))).toMatchObject({ applied: 0, suppressed: 1 });
  });
});

describe("a value that is the placeholder's text", () => {
  const literal = (op: EventSpec['op'], at: EventSpec['at'], cents: number): RawRecord =>
    rawEvent({ op, id: 1, after: { id: 1, name: PLACEHOLDER, amount: decimal(cents) }, at });
  const stored = async (): Promise<unknown> =>
    (await bench.db.rows("SELECT name || ' ' || amount AS row FROM customers"))[0]?.row;

  test.each(['c', 'r'] as const)('is written by an event that leaves nothing out (op %s)', async (op) => {
    const sink = await bench.open();
    await sink.apply(literal(op, [1, 1], 100));
    expect(await stored()).toBe(`${PLACEHOLDER} 1.00`);
  });

  test('is written by an update whose header does not name it', async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'before', [1, 1]));
    const update = literal('u', [2, 1], 200);
    const headers = { ...update.headers, 'cdc.unchanged': '["amount"]' };
    expect(await sink.apply({ ...update, headers })).toMatchObject({ applied: 1 });
    expect(await stored()).toBe(`${PLACEHOLDER} 1.00`);
  });
});

describe('exactly-once effects', () => {
  test('the former owner of a partition cannot commit', async () => {
    const zombie = await bench.open();
    await zombie.apply(put(1, 'a', [1, 1]));
    const owner = await bench.open();
    await expect(zombie.apply(put(1, 'zombie', [2, 1]))).rejects.toThrow(ZombieError);
    bench.rewind();
    await owner.apply(put(1, 'owner', [2, 1]));
    expect(await bench.names()).toBe('1:owner');
  });

  test('rows and offset are committed together or not at all', async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'a', [1, 1]));
    const point = sink.context.arm(CRASH_POINTS.afterApplyBeforeCommit);
    const applying = sink.apply(put(1, 'b', [2, 1]));
    await point.arrived;
    expect([await bench.names(), await bench.nextOffset()]).toEqual(['1:a', 1]);
    await bench.db.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    point.release();
    // The connection broke, so the batch is retried on another one.
    expect(await applying).toMatchObject({ applied: 1 });
    expect([await bench.names(), await bench.nextOffset()]).toEqual(['1:b', 2]);
  });

  test('a batch behind a lock is retried until it succeeds, and nothing is lost', async () => {
    const sink = await bench.open({ 'statement.timeout.ms': '200' });
    await sink.apply(put(1, 'a', [1, 1]));
    await bench.db.client.query('BEGIN');
    await bench.db.client.query('LOCK TABLE customers IN ACCESS EXCLUSIVE MODE');
    const applying = sink.apply(put(1, 'b', [2, 1]));
    await until('a retry was logged', () => sink.context.logged.some((line) => line.includes('retries')));
    await bench.db.client.query('COMMIT');
    await applying;
    expect(await bench.names()).toBe('1:b');
  });

  test('an offset moves over skipped records, without applying them', async () => {
    const sink = await bench.open();
    await sink.applier.skipTo(TOPIC, 0, 7n);
    expect(await bench.nextOffset()).toBe(7);
  });
});

describe('hostile input', () => {
  test.each([
    ["'); DROP TABLE sentinel; --", '"; DROP TABLE sentinel; --'],
    ['\\', 'select'],
    ['{}', 'a b'],
    ['$1', "it's"],
    ['null', '${source.table}'],
    ['\u{1F600}\n\t', 'ünïcode'],
  ])('value %j in table %j is data', async (value, table) => {
    await bench.db.rows('CREATE TABLE sentinel (x int)');
    const sink = await bench.open();
    const fields: Fields = {
      id: { type: 'string', optional: false },
      [value]: { type: 'string', optional: true },
    };
    const after = { id: value, [value]: value };
    await sink.apply(rawEvent({ op: 'c', id: value, after, fields, table, at: [1, 1] }));
    await sink.apply(rawEvent({ op: 'd', id: 'other', before: { id: 'other' }, fields, table, at: [2, 1] }));
    const quoted = `"${table.replaceAll('"', '""')}"`;
    expect(await bench.db.rows(`SELECT id FROM ${quoted}`)).toEqual([{ id: value }]);
    expect(await bench.db.rows('SELECT * FROM sentinel')).toEqual([]);
  });

  test('a value that PostgreSQL cannot hold is found among thousands, and named', async () => {
    const sink = await bench.open();
    const records = Array.from({ length: 300 }, (_, i) => put(i, i === 211 ? 'NUL \0' : `n${i}`, [i + 1, 1]));
    await expect(sink.apply(...records)).rejects.toMatchObject({
      code: 'CDC-2010',
      message: expect.stringContaining('customers-0@211'),
    });
    expect(await bench.nextOffset()).toBe(211);
    expect((await bench.db.rows('SELECT count(*)::int AS n FROM customers'))[0]?.n).toBe(211);
  });

  test('a value that is too long is refused, not cut off', async () => {
    await bench.db.rows('CREATE TABLE customers (id int PRIMARY KEY, name varchar(3), amount numeric)');
    const sink = await bench.open();
    await expect(sink.apply(put(1, 'four', [1, 1]))).rejects.toThrow(/too long/);
  });
});
