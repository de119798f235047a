import { hash, randomUUID } from 'node:crypto';
import { messageOf } from '../../../pipeline/contract/errors.ts';
import { POSITION_HEADER } from '../../../pipeline/contract/position.ts';
import type { Offsets } from '../offsets.ts';
import type { KafkaView } from './kafka-view.ts';

/** A record as Kafka delivered it. */
export interface RawRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Value of the header {@link POSITION_HEADER}; null if the record has none. */
  readonly position: string | null;
  /** Kafka's timestamp of the record, in milliseconds since the epoch. */
  readonly timestampMs: number;
  /** Value of another header; the last one if a name occurs several times. */
  header(name: string): string | null;
}

const READER = {
  sessionTimeout: 30_000,
  allowAutoTopicCreation: false,
  maxBytesPerPartition: 4 * 1024 * 1024,
};
/** Give up on a reader that receives nothing for this long. */
const STALL_MS = 15_000;

/**
 * Passes on the committed records of partitions (`topic/partition`) from `from` up to before `ends`, each partition in
 * order. One consumer reads all topics together. Memory holds one fetch.
 * @returns why the ends were not reached; empty if they were. Never throws.
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
    // kafkajs retries some errors itself, such as a coordinator that is still loading; the stall timer is the limit.
    if (!payload.restart) finished.resolve(messageOf(payload.error));
  });
  // Emitted also for batches without records for us: transaction markers and aborted records.
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
          // kafkajs may fetch a partition from its beginning before the seek takes effect, and past its end.
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

/** Splits `topic/partition`. A topic's name has no slash. */
export function partsOf(name: string): { readonly topic: string; readonly partition: number } {
  const at = name.lastIndexOf('/');
  return { topic: name.slice(0, at), partition: Number(name.slice(at + 1)) };
}

function headerText(header: Buffer | string | (Buffer | string)[] | undefined): string | null {
  const last = Array.isArray(header) ? header.at(-1) : header;
  return last === undefined ? null : last.toString();
}

/** Hash of a record's key and value. */
export function contentOf({ key, value }: Pick<RawRecord, 'key' | 'value'>): string {
  const lengths = `${key?.length ?? -1} ${value?.length ?? -1} `;
  return hash(
    'sha256',
    Buffer.concat([Buffer.from(lengths), key ?? Buffer.of(), value ?? Buffer.of()]),
    'base64',
  );
}
