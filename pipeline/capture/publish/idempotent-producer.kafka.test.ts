import { randomUUID } from 'node:crypto';
import { connectionsApiChannel } from '@platformatic/kafka';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createTopic } from '../../../fixtures/testing/create-topic.ts';
import { quietKafka } from '../../../verifier/connection/quiet-kafka.ts';
import type { Position } from '../../contract/position.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import { IdempotentProducer, type PartitionRecords } from './idempotent-producer.ts';

const topic = `idempotent-${randomUUID()}`;
const PARTITIONS = 3;
let admin: Admin;

beforeAll(async () => {
  admin = quietKafka({ brokers: [inject('bootstrapServers')] }).admin();
  await admin.connect();
  await createTopic(admin, topic, PARTITIONS);
});

afterAll(async () => {
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
});

function producer(): IdempotentProducer {
  const address = {
    bootstrapServers: [inject('bootstrapServers')],
    clientId: 'test',
    requestTimeoutMs: 10_000,
  };
  return new IdempotentProducer(address, 'none');
}

const record = (n: number, to = topic): ProducedRecord => ({
  topic: to,
  key: Buffer.from(`key ${n}`),
  value: Buffer.from(`value ${n}`),
  headers: new Map([['n', String(n)]]),
  position: '00000001-00000000016B3748-0000000C' as Position,
});

const records = (count: number, to?: string) => Array.from({ length: count }, (_, n) => record(n, to));
const everywhere = (count: number): PartitionRecords[] =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, records: records(count) }));

/** End offset of each partition. */
async function ends(): Promise<number[]> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
}

interface SentRequest {
  readonly apiKey: number;
  readonly connection: { readonly socket: { destroy(): void } };
}
const PRODUCE = 0;

/** Breaks the connection once, just after a Produce request was written to it. Resolves with the number of requests. */
async function withoutFirstAnswer(work: () => Promise<void>): Promise<number> {
  let requests = 0;
  const watch = {
    end: (message: unknown) => {
      const { apiKey, connection } = message as SentRequest;
      if (apiKey === PRODUCE && ++requests === 1) connection.socket.destroy();
    },
  };
  const channel = connectionsApiChannel as unknown as Watchable;
  channel.subscribe(watch);
  try {
    await work();
  } finally {
    channel.unsubscribe(watch);
  }
  return requests;
}

interface Watchable {
  subscribe(watch: { end: (message: unknown) => void }): void;
  unsubscribe(watch: { end: (message: unknown) => void }): void;
}

describe('the idempotent producer', () => {
  test('appends every batch of every partition once, over many sends', async () => {
    const before = await ends();
    const sender = producer();
    for (let i = 0; i < 20; i++) await sender.send(everywhere(7));
    await sender.close();
    expect(await ends()).toEqual(before.map((end) => end + 140));
  });

  test('keeps the order of overlapping calls', async () => {
    const before = await ends();
    const sender = producer();
    await Promise.all(Array.from({ length: 20 }, () => sender.send(everywhere(7))));
    await sender.close();
    // The broker refuses a sequence number out of order, and the producer would be unusable.
    expect(await ends()).toEqual(before.map((end) => end + 140));
  });

  test('sends no request that waited behind a failed one', async () => {
    const before = await ends();
    const sender = producer();
    const missing = `${topic}-missing`;
    const outcomes = await Promise.allSettled([
      sender.send(everywhere(1)),
      sender.send([{ topic: missing, partition: 0, records: records(1, missing) }]),
      sender.send(everywhere(1)),
    ]);
    await sender.close();
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(await ends()).toEqual(before.map((end) => end + 1));
  });

  test('appends nothing twice when the response to a request is lost', async () => {
    const before = await ends();
    const sender = producer();
    await sender.send(everywhere(1));
    const requests = await withoutFirstAnswer(() => sender.send(everywhere(50)));
    await sender.send(everywhere(1));
    await sender.close();
    expect(requests).toBe(2);
    expect(await ends()).toEqual(before.map((end) => end + 52));
  });

  test('refuses every call after a failure, which would leave a gap', async () => {
    const before = await ends();
    const sender = producer();
    const missing = `${topic}-missing`;
    await expect(
      sender.send([{ topic: missing, partition: 0, records: records(1, missing) }]),
    ).rejects.toThrow();
    await expect(sender.send(everywhere(1))).rejects.toThrow('failed before');
    await sender.close();
    expect(await ends()).toEqual(before);
  });
});
