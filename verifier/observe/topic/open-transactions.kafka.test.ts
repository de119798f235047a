import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createTopic } from '../../../fixtures/testing/create-topic.ts';
import { plainKafka } from '../../connection/kafka.ts';
import { quietKafka } from '../../connection/quiet-kafka.ts';
import { highWatermarks } from './high-watermarks.ts';
import { openTransactions } from './open-transactions.ts';

const topic = `open-${randomUUID()}`;
const bootstrap = inject('bootstrapServers');
const kafka = quietKafka({ brokers: [bootstrap] });
const admin = kafka.admin();

beforeAll(async () => {
  await admin.connect();
  await createTopic(admin, topic, 2);
});

afterAll(async () => {
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
});

const open = () =>
  openTransactions(
    plainKafka([bootstrap]),
    [bootstrap],
    [0, 1].map((partition) => ({ topic, partition })),
  );

test('an open transaction is found with its name and its first offset, until it has ended', async () => {
  const transactionalId = `hangs-${randomUUID()}`;
  const plain = kafka.producer();
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
  await Promise.all([plain.connect(), producer.connect()]);
  try {
    await plain.send({ topic, messages: [{ partition: 1, value: 'plain' }] });
    expect(await open()).toEqual([]);
    const before = Date.now();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ partition: 1, value: 'first' }] });
    await transaction.send({ topic, messages: [{ partition: 1, value: 'second' }] });
    const [found, ...others] = await open();
    expect(others).toEqual([]);
    expect(found).toMatchObject({ topic, partition: 1, transactionalId, firstOffset: 1n });
    // kafkajs reports the end of what is committed.
    const partitions = [{ topic, partition: 1 }];
    expect(await highWatermarks(plainKafka([bootstrap]), [bootstrap], partitions)).toEqual(
      new Map([[`${topic}/1`, 3n]]),
    );
    expect((await admin.fetchTopicOffsets(topic)).find(({ partition }) => partition === 1)?.high).toBe('1');
    expect(found?.lastWriteMs).toBeGreaterThanOrEqual(before - 1);
    await transaction.abort();
    // The marker is written after the answer.
    for (let i = 0; i < 100 && (await open()).length > 0; i++) await new Promise((r) => setTimeout(r, 50));
    expect(await open()).toEqual([]);
  } finally {
    await Promise.all([plain.disconnect(), producer.disconnect()]);
  }
});

test('where the broker requires a login, nothing is known', async () => {
  const sasl = { mechanism: 'PLAIN', username: 'me', passwordFile: null } as never;
  expect(await openTransactions({ tls: null, sasl }, [bootstrap], [{ topic, partition: 0 }])).toEqual([]);
});
