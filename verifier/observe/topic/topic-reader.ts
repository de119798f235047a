import { hash, randomUUID } from 'node:crypto';
import { messageOf } from '../../../pipeline/contract/errors.ts';
import { POSITION_HEADER } from '../../../pipeline/contract/position.ts';
import type { Offsets } from '../fence.ts';
import type { KafkaView } from './kafka-view.ts';

/** A record as it came. */
export interface RawRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** {@link POSITION_HEADER}; null where the record has none. */
  readonly position: string | null;
  /** Kafka's timestamp of the record, milliseconds since the epoch. */
  readonly timestampMs: number;
  /** Other headers: the last of each name. */
  header(name: string): string | null;
}

const READER = {
  sessionTimeout: 30_000,
  allowAutoTopicCreation: false,
  maxBytesPerPartition: 4 * 1024 * 1024,
};
/** A reader that gets nothing for so long has got all that it can. */
const STALL_MS = 15_000;

/**
 * Hands over the records of partitions (`topic/partition`) from their first offset to before their end: committed ones
 * only, each partition in order. All topics are read at once, by one reader. Memory holds one fetch.
 * @returns why the ends were not reached; empty where they were.
 */
export async function readRecords(
  kafka: KafkaView,
  from: Offsets,
  ends: Offsets,
  onRecord: (record: RawRecord) => void,
  signal: AbortSignal,
): Promise<string> {
  const left = new Map([...ends].filter(([partition, end]) => end > (from.get(partition) ?? 0n)));
  if (left.size === 0) return '';
  const starts = [...left.keys()].map((name) => ({ ...partsOf(name), offset: from.get(name) ?? 0n }));
  const next = new Map(from);
  const groupId = `cdc-lab-verifier-${randomUUID()}`;
  const consumer = kafka.kafka.consumer({ groupId, ...READER });
  const finished = Promise.withResolvers<string>();
  let stall = setTimeout(() => undefined, 0);
  const heard = (): void => {
    clearTimeout(stall);
    stall = setTimeout(() => finished.resolve('reading the topics stalled'), STALL_MS);
  };
  const abort = (): void => finished.resolve('the deadline passed while the topics were read');
  signal.addEventListener('abort', abort, { once: true });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    // A coordinator that is still loading, say: kafkajs begins again by itself, and a stall is noticed.
    if (!payload.restart) finished.resolve(messageOf(payload.error));
  });
  // Also sent for a batch of which nothing is handed over: markers of transactions, records of aborted ones.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, lastOffset } }) => {
    heard();
    const name = `${topic}/${partition}`;
    if (BigInt(lastOffset) + 1n >= (left.get(name) ?? 0n)) left.delete(name);
    if (left.size === 0) finished.resolve('');
  });
  try {
    heard();
    if (signal.aborted) abort();
    await consumer.connect();
    await consumer.subscribe({ topics: [...new Set(starts.map(({ topic }) => topic))], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: async ({ batch, heartbeat }) => {
        heard();
        const name = `${batch.topic}/${batch.partition}`;
        const end = ends.get(name) ?? 0n;
        for (const { key, value, headers, timestamp, offset: text } of batch.messages) {
          const offset = BigInt(text);
          // A partition may be fetched from its beginning until its seek, and past its end.
          if (offset < (next.get(name) ?? 0n)) continue;
          if (offset >= end) break;
          next.set(name, offset + 1n);
          const header = (wanted: string) => headerText(headers?.[wanted]);
          const { topic, partition } = batch;
          const position = header(POSITION_HEADER);
          const timestampMs = Number(timestamp);
          onRecord({ topic, partition, offset, key, value, position, timestampMs, header });
        }
        await heartbeat();
      },
    });
    for (const { topic, partition, offset } of starts) {
      if (offset > 0n) consumer.seek({ topic, partition, offset: String(offset) });
    }
    return await finished.promise;
  } catch (error) {
    return messageOf(error);
  } finally {
    clearTimeout(stall);
    signal.removeEventListener('abort', abort);
    await consumer.disconnect().catch(() => undefined);
    await kafka.deleteGroup(groupId).catch(() => undefined);
  }
}

/** `topic/partition` in its parts: a topic's name has no slash. */
export function partsOf(name: string): { readonly topic: string; readonly partition: number } {
  const at = name.lastIndexOf('/');
  return { topic: name.slice(0, at), partition: Number(name.slice(at + 1)) };
}

function headerText(header: Buffer | string | (Buffer | string)[] | undefined): string | null {
  const last = Array.isArray(header) ? header.at(-1) : header;
  return last === undefined ? null : last.toString();
}

/** Key and value of a record, as one short text. */
export function contentOf({ key, value }: Pick<RawRecord, 'key' | 'value'>): string {
  const lengths = `${key?.length ?? -1} ${value?.length ?? -1} `;
  return hash(
    'sha256',
    Buffer.concat([Buffer.from(lengths), key ?? Buffer.of(), value ?? Buffer.of()]),
    'base64',
  );
}
