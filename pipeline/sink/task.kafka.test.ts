import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import type { Task } from '../contract/connector.ts';
import { decimal, type RawRecord, rawEvent, rawTombstone } from './event-fixture.ts';
import { createJdbcSink } from './plugin.ts';
import { type TestContext, type TestDatabase, testContext, testDatabase, until } from './test-context.ts';

const brokers = [inject('bootstrapServers')];
const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 5 } });
const admin = kafka.admin();
const producer = kafka.producer();
const sink = createJdbcSink();

let id = '';
let topic = '';
let db: TestDatabase;

beforeAll(async () => {
  await admin.connect();
  await producer.connect();
});
afterAll(async () => {
  await admin.disconnect();
  await producer.disconnect();
});
beforeEach(async () => {
  id = `t${randomBytes(5).toString('hex')}`;
  topic = `${id}.public.customers`;
  db = await testDatabase(inject('sinkUrl'));
  return async () => {
    await db[Symbol.asyncDispose]();
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(id));
    await admin.deleteTopics({ topics });
  };
});

async function createTopic(partitions = 1): Promise<void> {
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });
}

async function send(records: readonly RawRecord[], partition = 0): Promise<void> {
  await producer.send({ topic, acks: -1, messages: records.map((record) => ({ ...record, partition })) });
}

function insert(n: number, commit = n): RawRecord {
  return rawEvent({ op: 'c', id: n, after: { id: n, name: `n${n}`, amount: decimal(n) }, at: [commit, 1] });
}

async function start(
  extra: Record<string, string> = {},
  context: TestContext = testContext(id, brokers),
): Promise<{ task: Task; context: TestContext } & AsyncDisposable> {
  const task = await sink.start({ ...db.config, topics: topic, ...extra }, context);
  return { task, context, [Symbol.asyncDispose]: () => task.stop() };
}

async function storedOffset(): Promise<number> {
  const found = await db.rows(`SELECT to_regclass('_cdc_offsets') IS NOT NULL AS found`);
  if (found[0]?.['found'] !== true) return -1;
  const rows = await db.rows('SELECT sum(next_offset)::int AS n FROM _cdc_offsets WHERE connector = $1', [
    id,
  ]);
  return Number(rows[0]?.['n'] ?? -1);
}

describe('the sink task', () => {
  test('applies a topic from its start, and stores where it is', async () => {
    await createTopic();
    await send([
      insert(1),
      insert(2),
      rawEvent({ op: 'd', id: 1, before: { id: 1 }, at: [5, 1] }),
      rawTombstone(1, [5, 1]),
    ]);
    await using running = await start();
    await until('4 records are stored', async () => (await storedOffset()) === 4);
    expect(await db.rows('SELECT id, name, amount::text FROM customers')).toEqual([
      { id: 2, name: 'n2', amount: '0.02' },
    ]);
    expect(running.context.counts.get('applied public.customers')).toBe(3);
    expect(running.context.counts.get('suppressed public.customers')).toBeUndefined();
  });
});
