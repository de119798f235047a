import { LabError } from '../../contract/errors.ts';
import { isFastRecord, type ProducedRecord } from '../../contract/records.ts';
import type { PublishStage } from '../../contract/stages.ts';
import type { IdempotentProducer, PartitionRecords } from './idempotent-producer.ts';
import { permanentKafkaError } from './kafka-clients.ts';
import { choosePartition, murmur2, partitionOfHash } from './partition.ts';
import type { TopicRegistry } from './topics.ts';

/**
 * What a request may hold for one partition. One record batch is made of it, and brokers refuse a
 * batch of more than `message.max.bytes`, 1 MiB by default. A single record may be larger, and is then sent
 * alone.
 */
export const REQUEST_BYTES = 900_000;

/** Bytes of a record in a batch, about: its parts, header names, and the fields around them. */
export function recordBytes(record: ProducedRecord): number {
  if (isFastRecord(record)) return record.valueEnd - record.keyStart + 120;
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + 120;
}

/** One request is on its way, the next is written. */
const MOST_REQUESTS = 2;

/**
 * Kafka's half of the way out: chooses the partition, sends, waits for the acknowledgement. Whoever publishes before
 * the last call is acknowledged comes after it, in every partition.
 */
export function createPublishStage(producer: IdempotentProducer, topics: TopicRegistry): PublishStage {
  const unacknowledged: Promise<void>[] = [];
  let handedOver: Promise<unknown> = Promise.resolve();

  /** Resolves with the requests when the producer has all of them. */
  async function handOver(records: readonly ProducedRecord[]): Promise<readonly Promise<void>[]> {
    await ensureTopics(records, topics);
    const requested: Promise<void>[] = [];
    for (const batch of requests(records)) {
      if (unacknowledged.length >= MOST_REQUESTS) await unacknowledged.shift();
      const request = send(producer, batch, topics);
      // Awaited by its publisher; until then a failure must not count as unhandled.
      request.catch(() => {});
      unacknowledged.push(request);
      requested.push(request);
    }
    return requested;
  }

  return {
    async publish(records) {
      const mine = handedOver.then(() => handOver(records));
      // The next one goes on whatever became of this one: its own caller gets the error.
      handedOver = mine.catch(() => {});
      await Promise.all(await mine);
    },
  };
}

async function ensureTopics(records: readonly ProducedRecord[], topics: TopicRegistry): Promise<void> {
  let missing: Set<string> | undefined;
  let last: string | undefined;
  for (const { topic } of records) {
    if (topic === last) continue;
    last = topic;
    if (topics.partitionsOf(topic) === undefined) {
      missing ??= new Set();
      missing.add(topic);
    }
  }
  if (missing) await topics.ensure(missing);
}

/** Cuts a list into requests of at most {@link REQUEST_BYTES}. */
export function* requests(records: readonly ProducedRecord[]): Generator<readonly ProducedRecord[]> {
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < records.length; i++) {
    const size = recordBytes(records[i] as ProducedRecord);
    if (i > start && bytes + size > REQUEST_BYTES) {
      yield records.slice(start, i);
      start = i;
      bytes = 0;
    }
    bytes += size;
  }
  if (start === 0 && records.length > 0) yield records;
  else if (start < records.length) yield records.slice(start);
}

async function send(
  producer: IdempotentProducer,
  records: readonly ProducedRecord[],
  topics: TopicRegistry,
): Promise<void> {
  try {
    await producer.send(byPartition(records, topics));
  } catch (error) {
    const name = permanentKafkaError(error);
    if (name === undefined) throw error;
    throw new LabError('CDC-1040', `Kafka refused records of ${topicList(records)}: ${name}.`, {
      cause: error,
      remedy:
        name === 'MESSAGE_TOO_LARGE' || name === 'RECORD_LIST_TOO_LARGE'
          ? 'Raise max.message.bytes of the topic (and message.max.bytes of the broker), then restart the task.'
          : 'Put right what the broker names, then restart the task.',
    });
  }
}

/** The order within each partition is the order of the list. */
function byPartition(records: readonly ProducedRecord[], topics: TopicRegistry): PartitionRecords[] {
  const found = new Map<string, ProducedRecord[][]>();
  let lastTopic: string | undefined;
  let partitions: ProducedRecord[][] = [];
  let count = 1;
  for (const record of records) {
    const { topic } = record;
    // Runs of one topic are long.
    if (topic !== lastTopic) {
      partitions = found.get(topic) ?? [];
      found.set(topic, partitions);
      count = topics.partitionsOf(topic) ?? 1;
      lastTopic = topic;
    }
    const partition = partitionOf(record, count);
    const list = partitions[partition];
    if (list) list.push(record);
    else partitions[partition] = [record];
  }
  return [...found].flatMap(([topic, partitions]) =>
    // Object.entries leaves out the partitions that get nothing.
    Object.entries(partitions).map(([partition, list]) => ({
      topic,
      partition: Number(partition),
      records: list,
    })),
  );
}

/** Without a view of the key where it lies in a shared buffer. */
function partitionOf(record: ProducedRecord, count: number): number {
  if (count === 1) return 0;
  if (!isFastRecord(record) || !record.hasKey) return choosePartition(record.topic, record.key, count);
  return partitionOfHash(murmur2(record.bytes, record.keyStart, record.keyEnd), count);
}

function topicList(records: readonly ProducedRecord[]): string {
  return [...new Set(records.map((record) => record.topic))].slice(0, 3).join(', ');
}
