import type { Kafka, KafkaMessage } from 'kafkajs';
import { kafkaClient } from '../../access/live-access.ts';
import { UsageError } from '../../errors.ts';
import type { Instance } from '../../lab/lab.ts';
import { withDeadline } from '../../wait.ts';
import { connectorOf } from './connector.ts';
import { withAdmin } from './sink-offsets.ts';

/** A record that the sink set aside. */
export interface DeadLetter {
  readonly partition: number;
  readonly offset: bigint;
  /** The record that could not be applied, by the headers that Connect adds; null: it has none. */
  readonly from: { readonly topic: string; readonly partition: number; readonly offset: bigint } | null;
  readonly error: string | null;
  readonly message: KafkaMessage;
}

/** A partition of the dead-letter topic: the oldest record that Kafka has, and its end. */
export interface LetterRange {
  readonly partition: number;
  readonly first: bigint;
  readonly end: bigint;
}

const PREFIX = '__connect.errors.';

/** The dead-letter topic that the sink's configuration names. @throws UsageError if it names none. */
export async function letterTopic(instance: Instance): Promise<string> {
  const topic = (await connectorOf(instance, 'sink').workers.config())['errors.deadletterqueue.topic.name'];
  if (topic !== undefined && topic !== '') return topic;
  throw new UsageError(
    'The sink has no dead-letter topic: a record that it cannot apply stops its task.',
    'set one: cdc-lab connectors set sink errors.tolerance=all errors.deadletterqueue.topic.name=dead-letters',
  );
}

/** The partitions of the topic; none if it does not exist yet. */
export async function letterRanges(instance: Instance, topic: string): Promise<LetterRange[]> {
  return withAdmin(instance, async (admin) => {
    if (!(await admin.listTopics()).includes(topic)) return [];
    const offsets = await admin.fetchTopicOffsets(topic);
    return offsets
      .map(({ partition, low, high }) => ({ partition, first: BigInt(low), end: BigInt(high) }))
      .sort((a, b) => a.partition - b.partition);
  });
}

/** How many records wait in these partitions. Markers of transactions would count too; the sink writes none. */
export function waiting(ranges: readonly LetterRange[]): number {
  return Number(ranges.reduce((sum, { first, end }) => sum + end - first, 0n));
}

/** The letters in these ranges, in order. @throws the signal's reason, or DeadlineError. */
export async function readLetters(
  instance: Instance,
  topic: string,
  ranges: readonly LetterRange[],
  { signal, withinMs }: { readonly signal: AbortSignal; readonly withinMs: number },
): Promise<DeadLetter[]> {
  if (waiting(ranges) === 0) return [];
  return withDeadline('the dead letters to be read', withinMs, signal, (inner) =>
    readAll(kafkaClient(instance), topic, ranges, inner),
  );
}

async function readAll(
  kafka: Kafka,
  topic: string,
  ranges: readonly LetterRange[],
  signal: AbortSignal,
): Promise<DeadLetter[]> {
  // A group of its own, that stores nothing: reading is not handling.
  const consumer = kafka.consumer({ groupId: `cdc-lab-dead-letters-${process.pid}-${Date.now()}` });
  const left = new Map(ranges.filter(({ first, end }) => end > first).map((one) => [one.partition, one.end]));
  const letters: DeadLetter[] = [];
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const end = left.get(partition);
        if (end === undefined) return;
        if (BigInt(message.offset) < end) letters.push(letterOf(partition, message));
        if (BigInt(message.offset) + 1n >= end) left.delete(partition);
        if (left.size === 0) resolve();
      },
    });
    await done;
  } finally {
    signal.removeEventListener('abort', stop);
    await consumer.disconnect();
  }
  return letters.sort((a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1));
}

function letterOf(partition: number, message: KafkaMessage): DeadLetter {
  const header = (name: string): string | undefined => {
    const value = message.headers?.[`${PREFIX}${name}`];
    return value === undefined ? undefined : String(Array.isArray(value) ? value[0] : value);
  };
  const [topic, number, offset] = [header('topic'), header('partition'), header('offset')];
  const isNamed = topic !== undefined && number !== undefined && offset !== undefined;
  return {
    partition,
    offset: BigInt(message.offset),
    from: isNamed ? { topic, partition: Number(number), offset: BigInt(offset) } : null,
    error: header('exception.message') ?? null,
    message,
  };
}

/** The record as the capture published it: without the headers of the error. */
export function originalOf({ message }: DeadLetter): Pick<KafkaMessage, 'key' | 'value' | 'headers'> {
  const headers = Object.entries(message.headers ?? {}).filter(([name]) => !name.startsWith(PREFIX));
  return { key: message.key, value: message.value, headers: Object.fromEntries(headers) };
}

/** Has Kafka delete the records of these ranges. */
export async function deleteLetters(
  instance: Instance,
  topic: string,
  ranges: readonly LetterRange[],
): Promise<void> {
  const partitions = ranges
    .filter(({ first, end }) => end > first)
    .map(({ partition, end }) => ({ partition, offset: String(end) }));
  if (partitions.length === 0) return;
  await withAdmin(instance, async (admin) => {
    // kafkajs looks for the leaders in metadata that only another request has fetched.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions });
  });
}
