import { randomUUID } from 'node:crypto';
import { untilReady } from '../../../fixtures/testing/create-topic.ts';
import { quietKafka } from '../../../verifier/connection/quiet-kafka.ts';

export interface SeenRecord {
  readonly topic: string;
  readonly partition: number;
  readonly key: Record<string, unknown> | null;
  readonly value: {
    readonly op: string;
    readonly before: Record<string, unknown> | null;
    readonly after: Record<string, unknown> | null;
    readonly source: Record<string, unknown>;
  } | null;
  readonly position: string;
  /** The header of a record that ends a sweeping snapshot. */
  readonly sweep: Record<string, unknown> | null;
}

/** All records in a topic, in order; none if there is no such topic. */
export async function readTopic(bootstrap: string, topic: string): Promise<SeenRecord[]> {
  const client = quietKafka({ brokers: [bootstrap] });
  const admin = client.admin();
  await admin.connect();
  const exists = (await admin.listTopics()).includes(topic);
  const ends = exists ? await untilReady(() => admin.fetchTopicOffsets(topic)) : [];
  await admin.disconnect();
  const missing = new Map(ends.filter((e) => e.high !== e.low).map((e) => [e.partition, BigInt(e.high)]));
  const seen: SeenRecord[] = [];
  if (missing.size === 0) return seen;
  const consumer = client.consumer({ groupId: randomUUID() });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ partition, message }) => {
          seen.push({
            topic,
            partition,
            key: message.key === null ? null : JSON.parse(message.key.toString()),
            value: message.value === null ? null : JSON.parse(message.value.toString()),
            position: String(message.headers?.['cdc.position'] ?? ''),
            sweep: JSON.parse(String(message.headers?.['cdc.sweep'] ?? 'null')),
          });
          if (BigInt(message.offset) + 1n >= (missing.get(partition) ?? 0n)) missing.delete(partition);
          if (missing.size === 0) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return seen;
}
