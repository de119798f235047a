import type { Admin, Kafka } from 'kafkajs';
import { POSITION_HEADER } from '../../pipeline/contract/position.ts';
import { identityOf } from '../../verifier/observe/topic/identities.ts';
import { readTopics } from './read-topics.ts';

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
  const seen = new Set<string>();
  let repeated = 0;
  await readTopics({ kafka, admin, topics, signal }, (topic, { key, value, headers }) => {
    const position = headers?.[POSITION_HEADER];
    const identity = identityOf({
      topic,
      key,
      value,
      position: position === undefined ? null : String(position),
    });
    if (identity === null) return;
    if (seen.has(identity)) repeated += 1;
    else if (seen.size < MAX_IDENTITIES) seen.add(identity);
  });
  return repeated;
}
