/**
 * `pipeline/capture/publish`: Kafka's half of the way out, from records to acknowledged record batches.
 * In: records in the order of the stream, and the topic settings of the configuration.
 * Out: record batches in the partitions that Kafka's Java producer would choose, with `acks=all`.
 * Promises: `publish` resolves only after Kafka has acknowledged every record of the call; within a partition the
 * records keep the order of the calls, and a retry appends nothing twice (idempotent producer, KIP-98).
 */

import { LabError } from '../../contract/errors.ts';
import { isFastRecord, type ProducedRecord } from '../../contract/records.ts';
import type { PublishStage } from '../../contract/stages.ts';
import type { IdempotentProducer, PartitionRecords } from './idempotent-producer.ts';
import { permanentKafkaError } from './kafka-clients.ts';
import { keyText } from './key-text.ts';
import { choosePartition, murmur2, partitionOfHash } from './partition.ts';
import type { TopicRegistry } from './topics.ts';

/**
 * Most bytes that one request holds for one partition. They become one record batch, and a broker refuses a batch
 * larger than `message.max.bytes`, 1 MiB by default. A single larger record is sent alone.
 */
export const REQUEST_BYTES = 900_000;

/** Approximate bytes of a record in a batch: its parts, header names and the fields around them. */
export function recordBytes(record: ProducedRecord): number {
  if (isFastRecord(record)) return record.valueEnd - record.keyStart + 120;
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + 120;
}

/** One request is in flight while the next is encoded. */
const MOST_REQUESTS = 2;

/**
 * Chooses the partitions, sends, and waits for the acknowledgements. Calls may overlap: in every partition the records
 * of a later call come after those of an earlier one.
 */
export function createPublishStage(producer: IdempotentProducer, topics: TopicRegistry): PublishStage {
  const unacknowledged: Promise<void>[] = [];
  let handedOver: Promise<unknown> = Promise.resolve();

  /** Resolves with the requests once the producer has taken all of them. */
  async function handOver(records: readonly ProducedRecord[]): Promise<readonly Promise<void>[]> {
    await ensureTopics(records, topics);
    const requested: Promise<void>[] = [];
    for (const batch of requests(records)) {
      if (unacknowledged.length >= MOST_REQUESTS) await unacknowledged.shift();
      const request = send(producer, batch, topics);
      // The publisher awaits it later; until then a failure must not count as unhandled.
      request.catch(() => {});
      unacknowledged.push(request);
      requested.push(request);
    }
    return requested;
  }

  return {
    async publish(records) {
      const mine = handedOver.then(() => handOver(records));
      // A failure rejects only the call that it belongs to; the next publish still runs.
      handedOver = mine.catch(() => {});
      await Promise.all(await mine);
    },
  };
}

/** A publish stage that counts. */
export interface CountingStage extends PublishStage {
  /** Number of records that were acknowledged through it. */
  readonly published: number;
}

export function countPublished(stage: PublishStage): CountingStage {
  let published = 0;
  return {
    get published() {
      return published;
    },
    async publish(records) {
      await stage.publish(records);
      published += records.length;
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

/** Splits a list into requests of at most {@link REQUEST_BYTES}. */
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
    const isTooLarge = name === 'MESSAGE_TOO_LARGE' || name === 'RECORD_LIST_TOO_LARGE';
    const which = isTooLarge ? ` The largest is ${describeLargest(records)}.` : '';
    throw new LabError('CDC-1040', `Kafka refused records of ${topicList(records)}: ${name}.${which}`, {
      cause: error,
      remedy: isTooLarge
        ? 'Raise max.message.bytes of the topic (and message.max.bytes of the broker), then restart the task.'
        : 'Correct what the broker names, then restart the task.',
    });
  }
}

/** The record that a broker with too small a limit refuses: its topic, its key, its size. */
function describeLargest(records: readonly ProducedRecord[]): string {
  const [first, ...others] = records;
  if (first === undefined) return 'unknown';
  const largest = others.reduce((most, one) => (recordBytes(one) > recordBytes(most) ? one : most), first);
  const { topic, key } = largest;
  return `one of ${topic}, key ${keyText(key)}, of ${recordBytes(largest)} bytes`;
}

/** Records by partition, in the order of the list. */
function byPartition(records: readonly ProducedRecord[], topics: TopicRegistry): PartitionRecords[] {
  const found = new Map<string, ProducedRecord[][]>();
  let lastTopic: string | undefined;
  let partitions: ProducedRecord[][] = [];
  let count = 1;
  for (const record of records) {
    const { topic } = record;
    // Consecutive records mostly share a topic.
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
    // Object.entries leaves out the partitions without records.
    Object.entries(partitions).map(([partition, list]) => ({
      topic,
      partition: Number(partition),
      records: list,
    })),
  );
}

/** A fast-path record's key is hashed in place, without a view of it. */
function partitionOf(record: ProducedRecord, count: number): number {
  if (count === 1) return 0;
  if (record.partition !== undefined) return record.partition;
  if (!isFastRecord(record) || !record.hasKey) return choosePartition(record.topic, record.key, count);
  return partitionOfHash(murmur2(record.bytes, record.keyStart, record.keyEnd), count);
}

function topicList(records: readonly ProducedRecord[]): string {
  return [...new Set(records.map((record) => record.topic))].slice(0, 3).join(', ');
}
