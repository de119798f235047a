import type { VerifierConfig } from '../../config.ts';
import { deadLetterTopic } from '../connect-rest.ts';
import type { KafkaView } from './kafka-view.ts';
import type { TopicRecord } from './topic-history.ts';
import { contentOf, type RawRecord, readRecords } from './topic-reader.ts';

/** Headers that Kafka Connect adds to a dead letter if `errors.deadletterqueue.context.headers.enable` is true. */
const ORIGIN = {
  topic: '__connect.errors.topic',
  partition: '__connect.errors.partition',
  offset: '__connect.errors.offset',
} as const;
/** At most this many dead letters are read: the newest. */
const MAX_LETTERS = 200_000n;

/** Which records of the topics are in a dead-letter topic. */
export interface DeadLetters {
  has(record: TopicRecord): boolean;
}
export const NO_LETTERS: DeadLetters = { has: () => false };

/** Dead-letter topics: those in the verifier's configuration, and those that the sink connectors' configuration names. */
export async function deadLetterTopics(config: VerifierConfig): Promise<readonly string[]> {
  const topics = new Set(config.deadLetterTopics);
  for (const connector of config.connectors.filter(({ type }) => type === 'sink')) {
    const topic = await deadLetterTopic(connector);
    if (topic !== undefined && topic !== '') topics.add(topic);
  }
  return [...topics];
}

/**
 * Reads the dead letters. A letter names its original record by topic, partition and offset; one without these headers
 * is recognised by its key and value.
 * @throws if they cannot be read to their end.
 */
export async function readDeadLetters(
  { config, signal }: { readonly config: VerifierConfig; readonly signal: AbortSignal },
  kafka: KafkaView,
): Promise<DeadLetters> {
  const { firsts, ends } = await kafka.offsets(await deadLetterTopics(config));
  const from = new Map<string, bigint>();
  for (const [name, end] of ends) {
    const first = firsts.get(name) ?? 0n;
    from.set(name, end - first > MAX_LETTERS ? end - MAX_LETTERS : first);
  }
  const known = new Set<string>();
  const onRecord = (record: RawRecord): void => {
    const [topic, partition, offset] = [ORIGIN.topic, ORIGIN.partition, ORIGIN.offset].map(record.header);
    const isNamed = topic != null && partition != null && offset != null;
    known.add(isNamed ? `${topic}/${partition}@${offset}` : contentOf(record));
  };
  const problem = await readRecords(kafka, from, ends, onRecord, signal);
  if (problem !== '') throw new Error(`the dead letters could not be read: ${problem}`);
  return {
    has: ({ topic, partition, offset, content }) =>
      known.has(`${topic}/${partition}@${offset}`) || known.has(content),
  };
}
