import { randomUUID } from 'node:crypto';
import type { Admin, Kafka } from 'kafkajs';
import { POSITION_HEADER } from '../../pipeline/contract/position.ts';
import { identityOf } from '../../verifier/observe/topic/identities.ts';

/** The most identities that are kept, about 60 bytes each: beyond it, the count is a lower bound. */
const MAX_IDENTITIES = 2_000_000;

/**
 * Counts the records of these topics that repeat a change: same topic, key, position and kind. A second snapshot is not
 * a repetition, because its records have new positions. Events of Debezium have an LSN for a position; its tombstones
 * have none and are not counted.
 */
export async function countRedelivered(
  kafka: Kafka,
  admin: Admin,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const left = new Map<string, bigint>();
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      if (BigInt(high) > BigInt(low)) left.set(`${topic}/${partition}`, BigInt(high) - 1n);
    }
  }
  if (left.size === 0) return 0;
  const seen = new Set<string>();
  let repeated = 0;
  const groupId = `cdc-lab-redelivered-${randomUUID()}`;
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
        for (const { key, value, headers } of batch.messages) {
          const position = headers?.[POSITION_HEADER];
          const identity = identityOf({
            topic: batch.topic,
            key,
            value,
            position: position === undefined ? null : String(position),
          });
          if (identity === null) continue;
          if (seen.has(identity)) repeated += 1;
          else if (seen.size < MAX_IDENTITIES) seen.add(identity);
        }
        const partition = `${batch.topic}/${batch.partition}`;
        const last = left.get(partition);
        if (last !== undefined && BigInt(batch.lastOffset()) >= last) left.delete(partition);
        if (left.size === 0) resolve();
      },
    });
    await done;
    return repeated;
  } finally {
    signal.removeEventListener('abort', abort);
    await consumer.disconnect();
    // A group that is still leaving stays until the broker expires it; it holds nothing.
    await admin.deleteGroups([groupId]).catch(() => undefined);
  }
}
