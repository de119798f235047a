import { randomBytes } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { createTopic } from '../../../fixtures/testing/create-topic.ts';
import { quietKafka } from '../../../verifier/connection/quiet-kafka.ts';
import type { Task } from '../../contract/connector.ts';
import { createJdbcSink } from '../connector.ts';
import { decimal, rawEvent } from '../testing/event-fixture.ts';
import { type TestDatabase, testContext, testDatabase, until } from '../testing/test-context.ts';
import { GroupReader, type TopicPartition } from './group-reader.ts';

const brokers = [inject('bootstrapServers')];
const kafka = quietKafka({ brokers, retry: { retries: 5 } });
const admin = kafka.admin();
const sink = createJdbcSink();

/**
 * A join that the coordinator never answers, because it removed the member meanwhile, times out after twenty seconds
 * (`group-reader.ts`: twice the time of a rebalance); then another client joins.
 */
const REJOINS_WITHIN_MS = 45_000;
const ROUNDS = 5;

let id = '';
let db: TestDatabase;

beforeAll(async () => {
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
});
beforeEach(async () => {
  id = `g${randomBytes(5).toString('hex')}`;
  db = await testDatabase(inject('sinkUrl'));
  return async () => {
    await db[Symbol.asyncDispose]();
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(id));
    await admin.deleteTopics({ topics });
  };
});

async function ownersOf(topic: string): Promise<Set<unknown>> {
  const found = await db.rows(`SELECT to_regclass('_cdc_offsets') IS NOT NULL AS found`);
  if (found[0]?.found !== true) return new Set();
  const rows = await db.rows('SELECT owner FROM _cdc_offsets WHERE topic = $1', [topic]);
  return new Set(rows.map(({ owner }) => owner));
}

async function start(topics: readonly string[], workerId = 'sink@test'): Promise<Task & AsyncDisposable> {
  const config = { ...db.config, topics: topics.join(',') };
  const task = await sink.start(config, testContext(id, brokers, { workerId }));
  return Object.assign(task, { [Symbol.asyncDispose]: () => task.stop() });
}

/** Writes to all of `topics`, round after round, until it is disposed of. */
async function writeTo(topics: readonly string[], partitions = 1): Promise<AsyncDisposable> {
  const producer = quietKafka({ brokers }).producer();
  await producer.connect();
  let isOver = false;
  let n = 0;
  const over = (async () => {
    while (!isOver) {
      for (const topic of [...topics]) {
        n++;
        const event = rawEvent({
          op: 'c',
          id: n,
          after: { id: n, name: `n${n}`, amount: decimal(n) },
          at: [n, 1],
        });
        await producer.send({ topic, acks: -1, messages: [{ ...event, partition: n % partitions }] });
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      isOver = true;
      await over;
      await producer.disconnect();
    },
  };
}

/** The ends of the log minus the group's offsets, over all partitions. */
async function groupLag(topics: readonly string[]): Promise<number> {
  const of = await admin.fetchOffsets({ groupId: `connect-${id}`, topics: [...topics] });
  let lag = 0;
  for (const topic of topics) {
    const committed = of.find((o) => o.topic === topic)?.partitions ?? [];
    for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
      const offset = Number(committed.find((p) => p.partition === partition)?.offset ?? -1);
      lag += Number(high) - Math.max(0, offset);
    }
  }
  return lag;
}

async function removeMembers(): Promise<number> {
  const client = new Admin({ clientId: 'test', bootstrapBrokers: brokers });
  try {
    const group = (await client.describeGroups({ groups: [`connect-${id}`] })).get(`connect-${id}`);
    const members = [...(group?.members.values() ?? [])].map((member) => ({ memberId: member.id }));
    if (members.length > 0) {
      await client.removeMembersFromConsumerGroup({ groupId: `connect-${id}`, members });
    }
    return members.length;
  } finally {
    await client.close();
  }
}

describe('the group’s offsets reach those of the sink', () => {
  test('if topics appear one by one while the sink joins and applies', async () => {
    const topics = ['a', 'b', 'c', 'd'].map((name) => `${id}.public.${name}`);
    await using _running = await start(topics);
    const live: string[] = [];
    {
      await using _writer = await writeTo(live);
      for (const topic of topics) {
        await createTopic(admin, topic);
        live.push(topic);
        await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 300));
      }
    }
    await until('the group has no lag', async () => (await groupLag(topics)) === 0);
  });

  test('if the coordinator removes the member in the middle of its commits', {
    timeout: ROUNDS * REJOINS_WITHIN_MS + 60_000,
  }, async () => {
    const topic = `${id}.public.a`;
    await createTopic(admin, topic, 4);
    await using _running = await start([topic]);
    let removed = 0;
    {
      await using _writer = await writeTo([topic], 4);
      for (let round = 0; round < ROUNDS; round++) {
        await until('it is a member', async () => (await removeMembers()) > 0, REJOINS_WITHIN_MS);
        removed++;
      }
    }
    expect(removed).toBe(ROUNDS);
    await until('the group has no lag', async () => (await groupLag([topic])) === 0, 30_000);
  });

  test('if other members come and go', async () => {
    const topic = `${id}.public.a`;
    await createTopic(admin, topic, 4);
    await using _running = await start([topic]);
    {
      await using _writer = await writeTo([topic], 4);
      for (let round = 0; round < 3; round++) {
        await using _second = await start([topic], `second@${round}`);
        await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 500));
      }
    }
    await until('the group has no lag', async () => (await groupLag([topic])) === 0, 30_000);
  });
});

test('a member reads assigned partitions of a topic that it has not found yet', async () => {
  const [early, late] = [`${id}.public.a`, `${id}.public.b`];
  for (const topic of [early, late]) await createTopic(admin, topic, 2);
  // The first member assigns the partitions, and knows both topics.
  await using _knowing = await start([early, late], 'knows-both');
  await until('the first owns both topics', async () => (await ownersOf(late)).has('knows-both'));
  await using learning = await start([early], 'knows-one');
  {
    await using _writer = await writeTo([early, late], 2);
    await until('both members own some of it', async () => (await ownersOf(late)).size === 2);
  }
  await until('the group has no lag', async () => (await groupLag([early, late])) === 0, 30_000);
  expect(learning.health().map(({ health }) => health)).not.toContain('failed');
  expect(await db.rows(`SELECT topic FROM _cdc_offsets WHERE topic_id = ''`)).toEqual([]);
});

test('a client that replaces a stuck one joins, and its commits count', async () => {
  const topic = `${id}.public.a`;
  await createTopic(admin, topic, 2);
  let assigned: readonly TopicPartition[] = [];
  const reader = new GroupReader({
    groupId: `connect-${id}`,
    clientId: 'test',
    bootstrapServers: brokers,
    settings: {
      sessionTimeoutMs: 10_000,
      heartbeatIntervalMs: 500,
      rebalanceTimeoutMs: 10_000,
      maxBytes: 1_000_000,
      maxBytesPerPartition: 1_000_000,
      maxWaitMs: 100,
      metadataMaxAgeMs: 1_000,
    },
    log: testContext(id, brokers).log,
    onAssigned: (partitions) => {
      assigned = partitions;
    },
    onLost: () => undefined,
  });
  try {
    await reader.join([topic]);
    assigned = [];
    await reader.renew();
    await reader.join([topic]);
    expect(assigned).toHaveLength(2);
    await reader.commit([{ topic, partition: 1, offset: 5n }]);
    expect(await reader.committed({ topic, partition: 1 })).toBe(5n);
    expect(await removeMembers()).toBe(1);
  } finally {
    await reader.close();
  }
});
