import type { Kafka } from 'kafkajs';
import { untilReady } from '../../fixtures/testing/create-topic.ts';

/**
 * Commits a group's offset in partition 0. The admin client's `setOffsets` would wait for a whole fetch, five seconds each
 * time.
 */
export async function commitOffset(
  kafka: Kafka,
  groupId: string,
  topic: string,
  offset: string,
): Promise<void> {
  await untilReady(() => commitOnce(kafka, groupId, topic, offset));
}

async function commitOnce(kafka: Kafka, groupId: string, topic: string, offset: string): Promise<void> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 20 });
  const joined = Promise.withResolvers<void>();
  consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve());
  consumer.on(consumer.events.CRASH, ({ payload }) => joined.reject(payload.error));
  // If an earlier step fails, nothing awaits this promise.
  joined.promise.catch(() => undefined);
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async () => undefined });
    await joined.promise;
    await consumer.commitOffsets([{ topic, partition: 0, offset }]);
  } finally {
    await consumer.disconnect();
  }
}
