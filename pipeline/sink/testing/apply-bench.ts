// An applier on a separate database for each test, fed with events by hand.
import type pg from 'pg';
import { afterEach, beforeEach, inject } from 'vitest';
import type { ApplyOutcome } from '../../contract/stages.ts';
import { Applier } from '../apply/applier.ts';
import { Backoff } from '../apply/backoff.ts';
import { ensureBookkeeping } from '../apply/bookkeeping.ts';
import { Claim } from '../apply/claim.ts';
import { OffsetStore } from '../apply/offset-store.ts';
import { connectPool } from '../apply/pool.ts';
import { parseSinkConfig } from '../config/sink-config.ts';
import { consumed, decimal, type EventSpec, type RawRecord, rawEvent } from './event-fixture.ts';
import { type TestContext, type TestDatabase, testContext, testDatabase } from './test-context.ts';

export const TOPIC = 'lab.public.customers';

/** Keys of a sink whose records have no schema blocks. */
export const BARE = { 'key.converter.schemas.enable': 'false', 'value.converter.schemas.enable': 'false' };

export interface Sink {
  readonly applier: Applier;
  readonly context: TestContext;
  /** Applies records at the next offsets of the partition. */
  apply(...records: readonly RawRecord[]): Promise<ApplyOutcome>;
}

export interface ApplyBench {
  /** The present test's database. */
  readonly db: TestDatabase;
  /** An applier that owns a partition, by default 0, from the offset that the database has. */
  open(extra?: Record<string, string>, partition?: number): Promise<Sink>;
  /** The next record takes the last one's offset again: that one was not stored. */
  rewind(): void;
  /** `ID:NAME` of every customer. */
  names(): Promise<string>;
  nextOffset(): Promise<unknown>;
  /** Runs a query on a connection as the sink opens it. */
  query(sql: string): Promise<Record<string, unknown>[]>;
}

/** Creates a database before each test of the file, and drops it afterwards. */
export function applyBench(): ApplyBench {
  let database: TestDatabase | undefined;
  let offset = 0;
  const opened: { readonly pool: pg.Pool; readonly abort: AbortController }[] = [];

  beforeEach(async () => {
    offset = 0;
    database = await testDatabase(inject('sinkUrl'));
  });
  afterEach(async () => {
    for (const { pool, abort } of opened.splice(0)) {
      abort.abort();
      await pool.end();
    }
    await database?.[Symbol.asyncDispose]();
  });

  const bench: ApplyBench = {
    get db() {
      if (database === undefined) throw new Error('no test is running');
      return database;
    },
    async open(extra = {}, partition = 0) {
      const keys = { ...bench.db.config, topics: TOPIC, 'flush.retry.delay.ms': '20', ...extra };
      const config = parseSinkConfig(keys);
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
        (await offsets.claim(client, TOPIC, partition)) ??
        (await offsets.create(client, TOPIC, partition, BigInt(offset), log));
      client.release();
      if (stored === undefined) throw new Error('no offset');
      const applier = new Applier({ pool, config, context, offsets, deadLetters: null, backoff });
      applier.own([new Claim(stored)]);
      return {
        applier,
        context,
        apply: (...raw) => {
          const records = raw.map((record) => consumed(record, offset++, TOPIC, partition));
          return applier.apply({ topic: TOPIC, partition, records, end: BigInt(offset) });
        },
      };
    },
    async query(sql) {
      const config = parseSinkConfig({ ...bench.db.config, topics: TOPIC });
      const pool = connectPool(config, 'c', testContext('c', []).log);
      try {
        return (await pool.query<Record<string, unknown>>(sql)).rows;
      } finally {
        await pool.end();
      }
    },
    rewind() {
      offset--;
    },
    async names() {
      const rows = await bench.db.rows('SELECT id, name FROM customers ORDER BY id, name');
      return rows.map((r) => `${r.id}:${r.name}`).join(' ');
    },
    async nextOffset() {
      return (await bench.db.rows('SELECT next_offset::int AS n FROM _cdc_offsets'))[0]?.n;
    },
  };
  return bench;
}

/** A row of `customers`. */
export const row = (
  id: number,
  name: string | null,
  cents: number | null = 100,
): Record<string, unknown> => ({
  id,
  name,
  amount: cents === null ? null : decimal(cents),
});
export const put = (id: number, name: string, at: EventSpec['at'], op: 'c' | 'u' | 'r' = 'u'): RawRecord =>
  rawEvent({ op, id, after: row(id, name), at });
export const del = (id: number, at: EventSpec['at']): RawRecord =>
  rawEvent({ op: 'd', id, before: { id }, at });
export const truncate = (at: EventSpec['at']): RawRecord => rawEvent({ op: 't', at });
