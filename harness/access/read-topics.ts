import { randomUUID } from 'node:crypto';
import type { Admin, Kafka, KafkaMessage } from 'kafkajs';

export interface TopicsToRead {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly topics: readonly string[];
  readonly signal: AbortSignal;
}

/** Calls `onRecord` with each record that the topics hold now; in a partition, in its order. */
export async function readTopics(
  { kafka, admin, topics, signal }: TopicsToRead,
  onRecord: (topic: string, record: KafkaMessage) => void,
): Promise<void> {
  const left = new Map<string, bigint>();
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      if (BigInt(high) > BigInt(low)) left.set(`${topic}/${partition}`, BigInt(high) - 1n);
    }
  }
  if (left.size === 0) return;
  const groupId = `cdc-lab-reader-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, sessionTimeout: 30_000 });
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const record of batch.messages) onRecord(batch.topic, record);
        const partition = `${batch.topic}/${batch.partition}`;
        const last = left.get(partition);
        if (last !== undefined && BigInt(batch.lastOffset()) >= last) left.delete(partition);
        if (left.size === 0) resolve();
      },
    });
    await done;
  } finally {
    signal.removeEventListener('abort', abort);
    await consumer.disconnect();
    // A group that is still leaving stays until the broker expires it; it holds nothing.
    await admin.deleteGroups([groupId]).catch(() => undefined);
  }
}
