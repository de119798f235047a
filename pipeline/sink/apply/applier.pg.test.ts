import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import type { ApplyOutcome } from '../../contract/stages.ts';
import { parseSinkConfig } from '../config/sink-config.ts';
import {
  CUSTOMER,
  consumed,
  decimal,
  type EventSpec,
  type Fields,
  positionAt,
  type RawRecord,
  rawEvent,
  rawTombstone,
} from '../testing/event-fixture.ts';
import {
  type TestContext,
  type TestDatabase,
  testContext,
  testDatabase,
  until,
} from '../testing/test-context.ts';
import { Applier } from './applier.ts';
import { Backoff } from './backoff.ts';
import { ensureBookkeeping, pruneBookkeeping } from './bookkeeping.ts';
import { Claim } from './claim.ts';
import { OffsetStore, ZombieError } from './offset-store.ts';
import { connectPool } from './pool.ts';

const TOPIC = 'lab.public.customers';
const PLACEHOLDER = '__debezium_unavailable_value';

let db: TestDatabase;
let offset = 0;
const opened: { pool: pg.Pool; abort: AbortController }[] = [];

beforeEach(async () => {
  offset = 0;
  db = await testDatabase(inject('sinkUrl'));
});
afterEach(async () => {
  for (const { pool, abort } of opened.splice(0)) {
    abort.abort();
    await pool.end();
  }
  await db[Symbol.asyncDispose]();
});

interface Sink {
  readonly applier: Applier;
  readonly context: TestContext;
  apply(...records: readonly RawRecord[]): Promise<ApplyOutcome>;
}

/** An applier that owns partition 0, from the offset that the database has. */
async function open(extra: Record<string, string> = {}): Promise<Sink> {
  const config = parseSinkConfig({ ...db.config, topics: TOPIC, 'flush.retry.delay.ms': '20', ...extra });
  const context = testContext('c', []);
  const abort = new AbortController();
  const pool = connectPool(config, 'c', context.log);
  opened.push({ pool, abort });
  const { maxRetries, retryDelayMs } = config;
  const backoff = new Backoff({ maxRetries, retryDelayMs, log: context.log, signal: abort.signal });
  const offsets = new OffsetStore('c', 'me');
  const client = await pool.connect();
  await ensureBookkeeping(client, config.connection.schemas[0]);
  const log = { clusterId: 'k', topicId: 't' };
  const stored =
    (await offsets.claim(client, TOPIC, 0)) ?? (await offsets.create(client, TOPIC, 0, BigInt(offset), log));
  client.release();
  if (stored === undefined) throw new Error('no offset');
  const applier = new Applier({ pool, config, context, offsets, deadLetters: null, backoff });
  applier.own([new Claim(stored)]);
  return {
    applier,
    context,
    apply: (...raw) => {
      const records = raw.map((record) => consumed(record, offset++));
      return applier.apply({ topic: TOPIC, partition: 0, records, end: BigInt(offset) });
    },
  };
}

const row = (id: number, name: string | null, cents: number | null = 100): Record<string, unknown> => ({
  id,
  name,
  amount: cents === null ? null : decimal(cents),
});
const put = (id: number, name: string, at: EventSpec['at'], op: 'c' | 'u' | 'r' = 'u'): RawRecord =>
  rawEvent({ op, id, after: row(id, name), at });
const del = (id: number, at: EventSpec['at']): RawRecord => rawEvent({ op: 'd', id, before: { id }, at });
const truncate = (at: EventSpec['at']): RawRecord => rawEvent({ op: 't', at });
const names = async (): Promise<string> =>
  (await db.rows('SELECT id, name FROM customers ORDER BY id, name'))
    .map((r) => `${r.id}:${r.name}`)
    .join(' ');
const nextOffset = async (): Promise<unknown> =>
  (await db.rows('SELECT next_offset::int AS n FROM _cdc_offsets'))[0]?.n;

/** Records without schema blocks. */
const BARE = { 'key.converter.schemas.enable': 'false', 'value.converter.schemas.enable': 'false' };

describe('the position guard', () => {
  test('creates the table, fills in the metadata, and stores the offset with the rows', async () => {
    const sink = await open();
    expect(await sink.apply(put(1, 'a', [5, 2], 'c'))).toEqual({
      applied: 1,
      suppressed: 0,
      deadLettered: 0,
    });
    const [found] = await db.rows(
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
    expect(await nextOffset()).toBe(1);
  });

  test('a table whose name has no schema is in the first schema of currentSchema, beside the offsets', async () => {
    await db.rows('CREATE SCHEMA "Shop"');
    const url = `${db.config['connection.url']}?currentSchema=%22Shop%22,public`;
    const sink = await open({ 'connection.url': url });
    await sink.apply(put(1, 'a', [5, 2], 'c'));
    expect(await db.rows('SELECT id, name FROM "Shop".customers')).toEqual([{ id: 1, name: 'a' }]);
    expect(await db.rows('SELECT next_offset::int AS n FROM "Shop"._cdc_offsets')).toEqual([{ n: 1 }]);
    expect(sink.context.counts.get('applied Shop.customers')).toBe(1);
  });

  test('an older position never overwrites a newer one, in the same batch or a later one', async () => {
    const sink = await open();
    await sink.apply(put(1, 'new', [9, 1]));
    expect(await sink.apply(put(1, 'old', [3, 1], 'r'), put(2, 'b', [3, 1], 'r'))).toMatchObject({
      applied: 1,
      suppressed: 1,
    });
    expect(await names()).toBe('1:new 2:b');
  });

  test('counts duplicates as suppressed, event by event, also in a batch that is folded by key', async () => {
    const sink = await open();
    await sink.apply(put(1, 'a', [1, 1]), put(1, 'b', [2, 1]));
    const outcome = await sink.apply(
      put(1, 'a', [1, 1]),
      put(1, 'b', [2, 1]),
      put(1, 'c', [3, 1]),
      put(1, 'c', [3, 1]),
    );
    expect(outcome).toEqual({ applied: 1, suppressed: 3, deadLettered: 0 });
    expect(await names()).toBe('1:c');
    const [stats] = await db.rows('SELECT applied::int, suppressed::int, table_name FROM _cdc_stats');
    expect(stats).toEqual({ applied: 3, suppressed: 3, table_name: 'public.customers' });
  });

  test('a replay does not bring back a deleted row', async () => {
    const sink = await open();
    await sink.apply(put(1, 'a', [1, 1]), del(1, [2, 1]), rawTombstone(1, [2, 1]));
    expect(await sink.apply(put(1, 'a', [1, 1]), del(1, [2, 1]), rawTombstone(1, [2, 1]))).toEqual({
      applied: 0,
      suppressed: 2,
      deadLettered: 0,
    });
    expect(await sink.apply(put(1, 'a', [1, 1]))).toMatchObject({ applied: 0, suppressed: 1 });
    expect(await names()).toBe('');
    await sink.apply(put(1, 'back', [3, 1]));
    expect(await names()).toBe('1:back');
  });

  test('a delete that is older than the row does not delete it', async () => {
    const sink = await open();
    await sink.apply(put(1, 'new', [9, 1]));
    await sink.apply(del(1, [5, 1]));
    expect(await names()).toBe('1:new');
  });

  test('a TRUNCATE empties the table up to its position, and a replay from before it stays out', async () => {
    const sink = await open();
    await sink.apply(put(1, 'a', [1, 1]), put(2, 'b', [9, 1]), truncate([5, 1]), put(3, 'c', [6, 1]));
    expect(await names()).toBe('2:b 3:c');
    expect(await sink.apply(put(1, 'a', [1, 1]), truncate([5, 1]))).toMatchObject({
      applied: 0,
      suppressed: 2,
    });
    expect(await names()).toBe('2:b 3:c');
  });

  test('without it (dedup.mode=none) the last delivered event wins', async () => {
    const sink = await open({ 'dedup.mode': 'none' });
    await sink.apply(put(1, 'new', [9, 1]));
    await sink.apply(put(1, 'old', [3, 1], 'r'));
    expect(await names()).toBe('1:old');
    await sink.apply(del(1, [1, 1]));
    expect(await names()).toBe('');
  });
});

describe('dedup.mode and insert.mode', () => {
  test('the dedup table keeps one row per event, and a duplicate has no effect', async () => {
    const sink = await open({
      'dedup.mode': 'table',
      'insert.mode': 'insert',
      'primary.key.mode': 'none',
      'delete.enabled': 'false',
    });
    const twice = put(1, 'a', [1, 1], 'c');
    expect(await sink.apply(twice, twice, put(2, 'b', [1, 2], 'c'))).toMatchObject({
      applied: 2,
      suppressed: 1,
    });
    expect(await sink.apply(twice)).toMatchObject({ applied: 0, suppressed: 1 });
    expect(await names()).toBe('1:a 2:b');
    expect(await db.rows('SELECT topic, partition, "offset"::int FROM _cdc_dedup ORDER BY "offset"')).toEqual(
      [
        { topic: TOPIC, partition: 0, offset: 0 },
        { topic: TOPIC, partition: 0, offset: 2 },
      ],
    );
  });

  test('use.reduction.buffer=false writes every event, so that a trigger sees each of them', async () => {
    const seen = async (): Promise<unknown> => {
      const [count] = await db.rows('SELECT count(*)::int AS n FROM audit');
      return count?.n;
    };
    const reducing = await open();
    await reducing.apply(put(1, 'a', [1, 1]));
    await db.rows(`CREATE TABLE audit (name text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO audit VALUES (NEW.name); RETURN NEW; END $$;
      CREATE TRIGGER note AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note()`);
    await reducing.apply(put(1, 'b', [2, 1]), put(1, 'c', [3, 1]));
    expect(await seen()).toBe(1);
    const each = await open({ 'use.reduction.buffer': 'false' });
    const outcome = await each.apply(put(1, 'd', [4, 1]), put(1, 'e', [5, 1]), put(1, 'old', [1, 1]));
    expect(outcome).toEqual({ applied: 2, suppressed: 1, deadLettered: 0 });
    expect([await names(), await seen()]).toEqual(['1:e', 3]);
  });

  test('errors.log.enable names a record that cannot be applied, and its values only if asked to', async () => {
    const bad = put(7, 'hunter2\0', [1, 1]);
    const logged = async (extra: Record<string, string>): Promise<string> => {
      const sink = await open(extra);
      await expect(sink.apply(bad)).rejects.toMatchObject({ code: 'CDC-2010' });
      offset--;
      return sink.context.logged.filter((line) => line.startsWith('a record cannot be applied')).join();
    };
    expect(await logged({})).toBe('');
    const brief = await logged({ 'errors.log.enable': 'true' });
    expect(brief).toContain(`"topic":"${TOPIC}","partition":0,"offset":"0"`);
    expect(brief).not.toMatch(/message|hunter2/);
    const full = await logged({ 'errors.log.enable': 'true', 'errors.log.include.messages': 'true' });
    expect(full).toMatch(/"message":".*(0x00|invalid byte)/);
  });

  test('with dedup.mode=table an event that is resent under another offset has no effect on an upsert either', async () => {
    const sink = await open({ 'dedup.mode': 'table' });
    await sink.apply(put(1, 'a', [1, 1]), put(1, 'b', [2, 1]), del(1, [3, 1]), rawTombstone(1, [3, 1]));
    expect(await sink.apply(put(1, 'a', [1, 1]), put(1, 'b', [2, 1]), del(1, [3, 1]))).toMatchObject({
      applied: 0,
      suppressed: 3,
    });
    expect(await names()).toBe('');
    expect(await db.rows('SELECT topic, partition, "offset"::int FROM _cdc_dedup ORDER BY "offset"')).toEqual(
      [0, 1, 2].map((at) => ({ topic: TOPIC, partition: 0, offset: at })),
    );
  });

  test('pruning removes dedup entries and tombstones that are older than the retention, and no others', async () => {
    const sink = await open({ 'dedup.mode': 'table' });
    await sink.apply(put(1, 'a', [1, 1]), put(2, 'b', [1, 2]), del(2, [1, 3]));
    await db.rows(`UPDATE _cdc_dedup SET seen_at = now() - interval '2 hours' WHERE "offset" = 0`);
    await db.rows(`UPDATE _cdc_tombstones SET deleted_at = now() - interval '2 hours'`);
    await pruneBookkeeping(db.client, 'another connector', 3_600_000);
    expect(await db.rows('SELECT * FROM _cdc_dedup')).toHaveLength(3);
    await pruneBookkeeping(db.client, 'c', 3_600_000);
    expect(await db.rows('SELECT "offset"::int FROM _cdc_dedup ORDER BY 1')).toEqual([
      { offset: 1 },
      { offset: 2 },
    ]);
    expect(await db.rows('SELECT * FROM _cdc_tombstones')).toEqual([]);
  });

  test('an inserting sink without a key multiplies what is delivered twice', async () => {
    const sink = await open({
      'insert.mode': 'insert',
      'primary.key.mode': 'none',
      'delete.enabled': 'false',
    });
    await sink.apply(put(1, 'a', [1, 1], 'c'), put(1, 'a', [1, 1], 'c'));
    expect(await names()).toBe('1:a 1:a');
  });

  test('primary.key.mode=record_value takes the key from the row', async () => {
    const sink = await open({
      'primary.key.mode': 'record_value',
      'primary.key.fields': 'name',
      'delete.enabled': 'false',
    });
    await sink.apply(put(1, 'a', [1, 1]), put(2, 'a', [2, 1]));
    expect(await names()).toBe('2:a');
  });
});

describe('unchanged TOAST values', () => {
  const partial = (name: string, at: EventSpec['at']): RawRecord =>
    rawEvent({ op: 'u', id: 1, after: { id: 1, name: PLACEHOLDER, amount: decimal(Number(name)) }, at });

  test('are left as they are in the sink', async () => {
    const sink = await open();
    await sink.apply(put(1, 'long text', [1, 1]));
    expect(await sink.apply(partial('200', [2, 1]))).toMatchObject({ applied: 1 });
    expect(await db.rows('SELECT name, amount::text FROM customers')).toEqual([
      { name: 'long text', amount: '2.00' },
    ]);
  });

  test('are never taken from an older snapshot row that the guard drops', async () => {
    const sink = await open();
    await sink.apply(put(1, 'live', [5, 1]));
    await sink.apply(put(1, 'stale', [3, 0], 'r'), partial('200', [6, 1]));
    expect(await db.rows('SELECT name, amount::text FROM customers')).toEqual([
      { name: 'live', amount: '2.00' },
    ]);
  });

  test('of a row that the sink does not have stop the task, and the placeholder is never written', async () => {
    const sink = await open();
    await sink.apply(put(2, 'other', [1, 1]));
    await expect(sink.apply(partial('200', [2, 1]))).rejects.toMatchObject({
      code: 'CDC-2010',
      message: expect.stringContaining('unchanged TOAST value'),
    });
    expect(await names()).toBe('2:other');
  });

  test('of a row that was deleted later are suppressed', async () => {
    const sink = await open();
    await sink.apply(put(1, 'a', [1, 1]), del(1, [9, 1]));
    expect(await sink.apply(partial('200', [2, 1]))).toMatchObject({ applied: 0, suppressed: 1 });
  });
});

describe('exactly-once effects', () => {
  test('the former owner of a partition cannot commit', async () => {
    const zombie = await open();
    await zombie.apply(put(1, 'a', [1, 1]));
    const owner = await open();
    await expect(zombie.apply(put(1, 'zombie', [2, 1]))).rejects.toThrow(ZombieError);
    offset--;
    await owner.apply(put(1, 'owner', [2, 1]));
    expect(await names()).toBe('1:owner');
  });

  test('rows and offset are committed together or not at all', async () => {
    const sink = await open();
    await sink.apply(put(1, 'a', [1, 1]));
    const point = sink.context.arm(CRASH_POINTS.afterApplyBeforeCommit);
    const applying = sink.apply(put(1, 'b', [2, 1]));
    await point.arrived;
    expect([await names(), await nextOffset()]).toEqual(['1:a', 1]);
    await db.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    point.release();
    // The connection broke, so the batch is retried on another one.
    expect(await applying).toMatchObject({ applied: 1 });
    expect([await names(), await nextOffset()]).toEqual(['1:b', 2]);
  });

  test('a batch behind a lock is retried until it succeeds, and nothing is lost', async () => {
    const sink = await open({ 'statement.timeout.ms': '200' });
    await sink.apply(put(1, 'a', [1, 1]));
    await db.client.query('BEGIN');
    await db.client.query('LOCK TABLE customers IN ACCESS EXCLUSIVE MODE');
    const applying = sink.apply(put(1, 'b', [2, 1]));
    await until('a retry was logged', () => sink.context.logged.some((line) => line.includes('retries')));
    await db.client.query('COMMIT');
    await applying;
    expect(await names()).toBe('1:b');
  });

  test('an offset moves over skipped records, without applying them', async () => {
    const sink = await open();
    await sink.applier.skipTo(TOPIC, 0, 7n);
    expect(await nextOffset()).toBe(7);
  });
});

describe('schema.evolution', () => {
  const tier: Fields = { ...CUSTOMER, tier: { type: 'string', optional: false, default: "it's standard\\" } };
  const tiered = (id: number, value: string, at: EventSpec['at']): RawRecord =>
    rawEvent({ op: 'u', id, after: { ...row(id, 'n'), tier: value }, fields: tier, at });

  test("basic: a new column gets the source's default, also in existing rows", async () => {
    const sink = await open();
    await sink.apply(put(1, 'a', [1, 1]), put(2, 'b', [1, 2]), tiered(2, 'gold', [2, 1]));
    expect(await db.rows('SELECT id, tier FROM customers ORDER BY id')).toEqual([
      { id: 1, tier: "it's standard\\" },
      { id: 2, tier: 'gold' },
    ]);
  });

  test('basic: a column that the source dropped accepts new rows without it', async () => {
    const sink = await open();
    const required: Fields = { ...CUSTOMER, must: { type: 'string', optional: false } };
    await sink.apply(
      rawEvent({ op: 'c', id: 1, after: { ...row(1, 'a'), must: 'x' }, fields: required, at: [1, 1] }),
    );
    await sink.apply(put(2, 'b', [2, 1]));
    expect(await db.rows('SELECT id, must FROM customers ORDER BY id')).toEqual([
      { id: 1, must: 'x' },
      { id: 2, must: null },
    ]);
  });

  test('none: a record that does not fit stops the task with a remedy, after the records before it are applied', async () => {
    await (await open()).apply(put(1, 'a', [1, 1]));
    const sink = await open({ 'schema.evolution': 'none' });
    await expect(
      sink.apply(put(1, 'b', [2, 1]), tiered(2, 'gold', [3, 1]), put(3, 'c', [4, 1])),
    ).rejects.toMatchObject({
      code: 'CDC-2010',
      message: expect.stringMatching(/@2 .*no column 'tier'.*schema.evolution=basic/),
    });
    expect([await names(), await nextOffset()]).toEqual(['1:b', 2]);
  });

  test('a column list silently drops the columns that it does not name', async () => {
    const sink = await open({ 'field.include.list': 'id,name' });
    await sink.apply(tiered(1, 'gold', [1, 1]));
    expect(await db.rows('SELECT * FROM customers')).toEqual([expect.not.objectContaining({ tier: 'gold' })]);
  });

  test('a table cannot be created from records without a schema, and the error names the remedy', async () => {
    const sink = await open(BARE);
    const bare = rawEvent({ op: 'c', id: 1, after: row(1, 'a'), fields: null, at: [1, 1] });
    await expect(sink.apply(bare)).rejects.toThrow(/value.converter.schemas.enable=true/);
  });

  test("records without a schema go into an existing table by its columns' types", async () => {
    await db.rows(`CREATE TYPE mood AS ENUM ('ok', 'bad');
      CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(5), amount numeric(12,2), mood mood, tags text[],
                              at timestamp, day date, doc jsonb, raw bytea)`);
    const sink = await open(BARE);
    const after = {
      ...row(7, 'x', -5),
      mood: 'bad',
      tags: ['a,"b', null],
      at: 1_700_000_000_000_001,
      day: 1,
      doc: '{"b":1}',
      raw: '/w==',
    };
    await sink.apply(rawEvent({ op: 'c', id: 7, after, fields: null, at: [1, 1] }));
    const cells = "name, amount::text, mood::text, tags, at::text, day::text, doc, encode(raw, 'hex') AS raw";
    expect(await db.rows(`SELECT ${cells} FROM customers`)).toEqual([
      {
        name: 'x',
        amount: '-0.05',
        mood: 'bad',
        tags: ['a,"b', null],
        at: '2023-11-14 22:13:20.000001',
        day: '1970-01-02',
        doc: { b: 1 },
        raw: 'ff',
      },
    ]);
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
    await db.rows('CREATE TABLE sentinel (x int)');
    const sink = await open();
    const fields: Fields = {
      id: { type: 'string', optional: false },
      [value]: { type: 'string', optional: true },
    };
    const after = { id: value, [value]: value };
    await sink.apply(rawEvent({ op: 'c', id: value, after, fields, table, at: [1, 1] }));
    await sink.apply(rawEvent({ op: 'd', id: 'other', before: { id: 'other' }, fields, table, at: [2, 1] }));
    const quoted = `"${table.replaceAll('"', '""')}"`;
    expect(await db.rows(`SELECT id FROM ${quoted}`)).toEqual([{ id: value }]);
    expect(await db.rows('SELECT * FROM sentinel')).toEqual([]);
  });

  test('a value that PostgreSQL cannot hold is found among thousands, and named', async () => {
    const sink = await open();
    const records = Array.from({ length: 300 }, (_, i) => put(i, i === 211 ? 'NUL \0' : `n${i}`, [i + 1, 1]));
    await expect(sink.apply(...records)).rejects.toMatchObject({
      code: 'CDC-2010',
      message: expect.stringContaining('customers-0@211'),
    });
    expect(await nextOffset()).toBe(211);
    expect((await db.rows('SELECT count(*)::int AS n FROM customers'))[0]?.n).toBe(211);
  });

  test('a value that is too long is refused, not cut off', async () => {
    await db.rows('CREATE TABLE customers (id int PRIMARY KEY, name varchar(3), amount numeric)');
    const sink = await open();
    await expect(sink.apply(put(1, 'four', [1, 1]))).rejects.toThrow(/too long/);
  });
});
