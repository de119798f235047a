import { randomBytes } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { createTopic as makeTopic } from '../../fixtures/testing/create-topic.ts';
import { quietKafka } from '../../verifier/connection/quiet-kafka.ts';
import type { Task } from '../contract/connector.ts';
import { CRASH_POINTS } from '../contract/crash-points.ts';
import type { AdmitStage, Defect } from '../contract/stages.ts';
import { createJdbcSink } from './connector.ts';
import { decimal, type RawRecord, rawEvent, rawTombstone } from './testing/event-fixture.ts';
import {
  type TestContext,
  type TestDatabase,
  testContext,
  testDatabase,
  until,
} from './testing/test-context.ts';

const brokers = [inject('bootstrapServers')];
const kafka = quietKafka({ brokers, retry: { retries: 5 } });
const admin = kafka.admin();
const sink = createJdbcSink();

let id = '';
let topic = '';
let db: TestDatabase;

beforeAll(async () => {
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
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

const createTopic = (partitions = 1): Promise<void> => makeTopic(admin, topic, partitions);

async function send(records: readonly RawRecord[], partition = 0): Promise<void> {
  // A separate client each time: kafkajs keeps asking for every topic that it ever wrote to, also deleted ones.
  const producer = quietKafka({ brokers }).producer();
  await producer.connect();
  try {
    await producer.send({ topic, acks: -1, messages: records.map((record) => ({ ...record, partition })) });
  } finally {
    await producer.disconnect();
  }
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

async function ids(): Promise<string> {
  return (await db.rows('SELECT id FROM customers ORDER BY id')).map((row) => row.id).join(' ');
}

async function groupOffset(): Promise<string | undefined> {
  const [of] = await admin.fetchOffsets({ groupId: `connect-${id}`, topics: [topic] });
  return of?.partitions[0]?.offset;
}

async function deleteRecordsBefore(offset: bigint): Promise<void> {
  const client = new Admin({ clientId: 'test', bootstrapBrokers: brokers });
  try {
    await client.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset }] }] });
  } finally {
    await client.close();
  }
}

interface Letter {
  readonly key: string | undefined;
  readonly value: string | undefined;
  readonly headers: Record<string, string>;
}

async function read(from: string, n: number): Promise<Letter[]> {
  const reader = quietKafka({ brokers });
  const consumer = reader.consumer({ groupId: `${id}-reader` });
  const letters: Letter[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic: from, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
        letters.push({
          key: message.key?.toString(),
          value: message.value?.toString(),
          headers: Object.fromEntries(headers) as Record<string, string>,
        });
      },
    });
    await until(`${n} records in ${from}`, () => letters.length >= n);
  } finally {
    await consumer.disconnect();
  }
  return letters;
}

async function storedOffset(): Promise<number> {
  const found = await db.rows(`SELECT to_regclass('_cdc_offsets') IS NOT NULL AS found`);
  if (found[0]?.found !== true) return -1;
  const rows = await db.rows('SELECT sum(next_offset)::int AS n FROM _cdc_offsets WHERE connector = $1', [
    id,
  ]);
  return Number(rows[0]?.n ?? -1);
}

describe('the sink task', () => {
  test('applies a topic from its start, and stores the offset', async () => {
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

  test('may have a name with blanks, slashes and any letters', async () => {
    await createTopic();
    await send([insert(1)]);
    const name = `${id} my/ü 😀`;
    await using _running = await start({}, testContext(name, brokers));
    await until('the offset is committed to the group', async () => {
      const [of] = await admin.fetchOffsets({ groupId: `connect-${name}`, topics: [topic] });
      return of?.partitions[0]?.offset === '1';
    });
  });

  test('continues from the database’s offset after a stop, whatever the group has committed to Kafka', async () => {
    await createTopic();
    await send([insert(1), insert(2)]);
    {
      await using _first = await start();
      await until('2 records are stored', async () => (await storedOffset()) === 2);
    }
    await db.rows('UPDATE _cdc_offsets SET next_offset = 1');
    await send([insert(3)]);
    await using second = await start();
    await until('3 records are stored', async () => (await storedOffset()) === 3);
    expect(await ids()).toBe('1 2 3');
    // The second record was delivered again, and the guard suppressed it.
    expect(second.context.counts.get('suppressed public.customers')).toBe(1);
    await until('the offset is committed to the group', async () => (await groupOffset()) === '3');
  });

  test('two members share the partitions, and every record is applied once', async () => {
    await createTopic(2);
    await using first = await start({}, testContext(id, brokers, { workerId: 'one' }));
    await send([insert(1)], 0);
    await send([insert(2)], 1);
    await until('both are stored', async () => (await storedOffset()) === 2);
    await using second = await start({}, testContext(id, brokers, { workerId: 'two' }));
    await until('the second took one over', async () => {
      const rows = await db.rows('SELECT DISTINCT owner FROM _cdc_offsets ORDER BY 1');
      return rows.length === 2;
    });
    await send([insert(3), insert(4)], 0);
    await send([insert(5), insert(6)], 1);
    await until('all are stored', async () => (await storedOffset()) === 6);
    expect(await ids()).toBe('1 2 3 4 5 6');
    const applied = (context: TestContext): number => context.counts.get('applied public.customers') ?? 0;
    expect(applied(first.context) + applied(second.context)).toBe(6);
    expect(applied(second.context)).toBe(2);
  });

  test('while paused it applies nothing and its lag grows; after resume it catches up', async () => {
    await createTopic();
    await send([insert(1)]);
    await using running = await start();
    await until('the first is stored', async () => (await storedOffset()) === 1);
    await running.task.pause();
    await send([insert(2), insert(3)]);
    await until('the lag is seen', () => running.context.lags.get('public.customers') === 2);
    expect([await ids(), await storedOffset()]).toEqual(['1', 1]);
    expect((await admin.describeGroups([`connect-${id}`])).groups[0]?.members).toHaveLength(1);
    await running.task.resume();
    await until('all are stored', async () => (await storedOffset()) === 3);
    expect(await ids()).toBe('1 2 3');
  });

  test('its health is degraded while the lag is high or nothing moves, and ok again when it has caught up', async () => {
    await createTopic();
    await send([insert(1)]);
    const healthBounds = { lagEvents: 1, lagMs: 600_000, stalledAfterMs: 500 };
    await using running = await start({}, testContext(id, brokers, { healthBounds }));
    const health = (): string =>
      running.task
        .health()
        .filter(({ component }) => ['lag', 'progress'].includes(component))
        .map((part) => `${part.component} ${part.health} (${part.detail.split(/[,:]/)[0]})`)
        .join(', ');
    const caughtUp = 'lag ok (caught up), progress ok (caught up)';
    await until('it has caught up', () => health() === caughtUp);

    await running.task.pause();
    await send([insert(2), insert(3)]);
    const paused = 'lag degraded (2 records behind), progress ok (paused)';
    await until('the lag of the paused sink is too high', () => health() === paused);
    await running.task.resume();
    await until('it has caught up after the pause', () => health() === caughtUp);

    await db.rows('BEGIN');
    await db.rows('LOCK TABLE customers IN ACCESS EXCLUSIVE MODE');
    await send([insert(4)]);
    const stalled = 'lag ok (1 records behind), progress degraded (1 records behind)';
    await until('nothing moves behind the lock', () => health() === stalled);
    await db.rows('COMMIT');
    await until('it has caught up after the lock', () => health() === caughtUp);
    expect(await ids()).toBe('1 2 3 4');
  });

  test('a planted pause that skips loses what was fetched, with the offset moved past it', async () => {
    await createTopic();
    await send([insert(1)]);
    const admit: AdmitStage = { admit: (_records, { paused }) => (paused ? 'skip' : 'apply') };
    const defects = [{ name: 'pause-drops', description: 'skips while paused', admit: () => admit }];
    const context = testContext(id, brokers, { defects });
    await using running = await start({}, context);
    await until('the first is stored', async () => (await storedOffset()) === 1);
    const fetched = context.arm(CRASH_POINTS.afterFetch);
    await send([insert(2)]);
    await fetched.arrived;
    await running.task.pause();
    fetched.release();
    await until('the second is skipped', async () => (await storedOffset()) === 2);
    await running.task.resume();
    await send([insert(3)]);
    await until('the third is stored', async () => (await storedOffset()) === 3);
    expect(await ids()).toBe('1 3');
  });

  test('a planted stage that drops a record moves the offset past it all the same', async () => {
    await createTopic();
    await send([insert(1), insert(2)]);
    const defects: Defect[] = [
      {
        name: 'drop-last',
        description: 'leaves the last record of a batch out',
        apply: (healthy) => ({
          apply: (batch) => healthy.apply({ ...batch, records: batch.records.slice(0, -1) }),
        }),
      },
    ];
    await using _running = await start({}, testContext(id, brokers, { defects }));
    await until('the batch is done', async () => (await storedOffset()) === 2);
    expect(await ids()).toBe('1');
  });

  test('sets a poison record aside with the headers of Kafka Connect, and applies the others', async () => {
    await createTopic();
    const poison = { ...insert(9), value: 'no json', headers: { 'cdc.position': 'p' } };
    const nul = rawEvent({ op: 'c', id: 8, after: { id: 8, name: '\0', amount: null }, at: [8, 1] });
    await send([insert(1), poison, nul, insert(2)]);
    const dlq = `${id}.dlq`;
    await using running = await start({
      'errors.tolerance': 'all',
      'errors.deadletterqueue.topic.name': dlq,
    });
    await until('all are stored', async () => (await storedOffset()) === 4);
    expect(await ids()).toBe('1 2');
    expect(running.context.counts.get('dead_lettered public.customers')).toBe(2);
    const letters = await read(dlq, 2);
    expect(letters.map(({ headers }) => headers['__connect.errors.offset'])).toEqual(['1', '2']);
    expect(letters[0]).toMatchObject({ key: poison.key, value: 'no json' });
    expect(letters[0]?.headers).toMatchObject({
      'cdc.position': 'p',
      '__connect.errors.topic': topic,
      '__connect.errors.partition': '0',
      '__connect.errors.exception.message': expect.stringContaining('not JSON'),
    });
  });

  test('without a dead-letter topic a poison record stops the task at its offset', async () => {
    await createTopic();
    await send([insert(1), { key: null, value: 'no json', headers: {} }]);
    await using running = await start();
    await expect(running.task.done).rejects.toMatchObject({ code: 'CDC-2010' });
    expect([await ids(), await storedOffset()]).toEqual(['1', 1]);
    expect(running.task.health()).toContainEqual(
      expect.objectContaining({ component: 'task', health: 'failed' }),
    );
  });

  test('finds a topic that is created later', async () => {
    await using _running = await start({ topics: `${topic},${id}.public.none` });
    await createTopic();
    await send([insert(1)]);
    await until('it is stored', async () => (await storedOffset()) === 1);
  });

  test('takes the topics that match topics.regex', async () => {
    await createTopic();
    await send([insert(1)]);
    const context = testContext(id, brokers);
    const { topics: _, ...config } = { ...db.config, topics: '' };
    const task = await sink.start({ ...config, 'topics.regex': `${id}\\.public\\..*` }, context);
    await until('it is stored', async () => (await storedOffset()) === 1);
    await task.stop();
  });

  test.each([
    ['of another cluster', `UPDATE _cdc_offsets SET cluster_id = 'other'`, 'CDC-2001'],
    ['of a topic that was recreated', `UPDATE _cdc_offsets SET topic_id = 'other'`, 'CDC-2002'],
    ['beyond the end of the log', 'UPDATE _cdc_offsets SET next_offset = 99', 'CDC-2004'],
    ['that the database has lost', 'DELETE FROM _cdc_offsets', 'CDC-2005'],
  ])('an offset %s stops the task with a remedy', async (_what, sql, code) => {
    await createTopic();
    await send([insert(1)]);
    {
      await using _first = await start();
      await until('it is stored', async () => (await storedOffset()) === 1);
      await until('the offset is committed to the group', async () => (await groupOffset()) === '1');
    }
    await db.rows(sql);
    await using second = await start();
    await expect(second.task.done).rejects.toMatchObject({
      code,
      remedy: expect.stringContaining('offsets'),
    });
  });

  test('records that retention deleted before the sink applied them stop the task', async () => {
    await createTopic();
    await send([insert(1)]);
    {
      await using _first = await start();
      await until('it is stored', async () => (await storedOffset()) === 1);
    }
    await send([insert(2), insert(3)]);
    await deleteRecordsBefore(2n);
    await using second = await start();
    await expect(second.task.done).rejects.toMatchObject({
      code: 'CDC-2003',
      message: expect.stringContaining('records 1 to 1'),
    });
  });

  test('offsets are listed, set and removed as Kafka Connect does it', async () => {
    await createTopic();
    await send([insert(1), insert(2)]);
    const context = testContext(id, brokers);
    const config = { ...db.config, topics: topic };
    {
      await using _first = await start();
      await until('they are stored', async () => (await storedOffset()) === 2);
    }
    const partition = { kafka_topic: topic, kafka_partition: 0 };
    expect(await sink.offsets(config, context)).toEqual([{ partition, offset: { kafka_offset: 2 } }]);
    await sink.alterOffsets(config, context, [{ partition, offset: { kafka_offset: 1 } }]);
    expect([await storedOffset(), await groupOffset()]).toEqual([1, '1']);
    await sink.alterOffsets(config, context, null);
    expect([await sink.offsets(config, context), await groupOffset()]).toEqual([[], '-1']);
    await using again = await start();
    await until('the topic was read again', async () => (await storedOffset()) === 2);
    expect(again.context.counts.get('suppressed public.customers')).toBe(2);
  });

  test('a sink database that does not answer is retried: the task keeps running, and is degraded', async () => {
    await createTopic();
    await send([insert(1)]);
    await using running = await start({ 'connection.url': 'jdbc:postgresql://127.0.0.1:9/none' });
    await until('it is degraded', () =>
      running.task
        .health()
        .some(({ component, health }) => component === 'database' && health === 'degraded'),
    );
    const ended = await Promise.race([running.task.done.then(() => true), Promise.resolve(false)]);
    expect(ended).toBe(false);
  });
});
