import { randomUUID } from 'node:crypto';
import { POSITION_HEADER } from '../../pipeline/contract/position.ts';
import type { TablePair } from '../compare/pairing.ts';
import { messageOf } from '../config.ts';
import type { Offsets } from '../fence.ts';
import { asPostgresText, type Event, readEvent, readKey } from './envelope.ts';
import type { KafkaView } from './kafka.ts';

/** One record of a topic that concerns a key. */
export interface TopicRecord {
  readonly partition: number;
  readonly offset: bigint;
  /** Null for a tombstone. */
  readonly event: Event | null;
  /** {@link POSITION_HEADER}; null where the record has none. */
  readonly position: string | null;
}

export interface TopicHistory {
  /** By key text as the comparison gives it: the last records of each key, oldest first. */
  readonly records: ReadonlyMap<string, readonly TopicRecord[]>;
  /** TRUNCATEs of the table: they have no key. */
  readonly truncates: readonly TopicRecord[];
  /** Of the columns that the sink lacks, those that an event of the topic carries. */
  readonly columns: ReadonlySet<string>;
  /** True where all of the topic was read, from its very first record. */
  readonly complete: boolean;
  /** Why not; empty where it was. */
  readonly reason: string;
}

/** Records kept of one key: the last ones. */
const RECORDS_PER_KEY = 32;
const READER = {
  sessionTimeout: 30_000,
  allowAutoTopicCreation: false,
  maxBytesPerPartition: 4 * 1024 * 1024,
};
/** A reader that gets nothing for so long has got all that it can. */
const STALL_MS = 15_000;

/**
 * Reads a table's topic once, from its beginning to the given ends, and keeps what concerns the wanted keys.
 * Never throws for what Kafka cannot give: then the history is not complete.
 */
export async function readTopic(
  kafka: KafkaView,
  topic: string,
  pair: TablePair,
  keyTexts: ReadonlySet<string>,
  bounds: { readonly firsts: Offsets; readonly ends: Offsets },
  signal: AbortSignal,
): Promise<TopicHistory> {
  const history = new History(pair, keyTexts);
  const left = new Map<number, bigint>();
  let truncated = false;
  for (const [name, end] of bounds.ends) {
    if (name.slice(0, name.lastIndexOf('/')) !== topic) continue;
    const first = bounds.firsts.get(name) ?? 0n;
    truncated ||= first > 0n;
    if (end > first) left.set(Number(name.slice(name.lastIndexOf('/') + 1)), end);
  }
  const problem = left.size === 0 ? '' : await consume(kafka, topic, left, history, signal);
  const reason = problem === '' && truncated ? 'older records are gone from the topic' : problem;
  const { records, columns, truncates } = history;
  return { records, columns, truncates, complete: reason === '', reason };
}

/** A record as it came. */
interface Raw {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly position: string | null;
}

class History {
  readonly records = new Map<string, TopicRecord[]>();
  readonly columns = new Set<string>();
  readonly truncates: TopicRecord[] = [];
  readonly #pair: TablePair;
  /** Key texts without PostgreSQL's spacing, to the text that was asked for. */
  readonly #wanted: Map<string, string>;
  readonly #absent: Set<string>;

  constructor(pair: TablePair, keyTexts: ReadonlySet<string>) {
    this.#pair = pair;
    this.#absent = new Set(pair.columns.flatMap((c) => (c.types === 'absent' ? [c.source.name] : [])));
    this.#wanted = new Map([...keyTexts].map((text) => [normalised(text), text]));
  }

  /** Values are parsed only for wanted keys: a topic may hold millions of others. */
  add(record: Raw): void {
    const { partition, offset, position } = record;
    this.#seeColumns(record.value);
    const text = record.key === null ? undefined : this.#keyText(record.key);
    const wanted = text === undefined ? undefined : this.#wanted.get(text);
    if (wanted === undefined && text !== undefined) return;
    const event = record.value === null ? null : readEvent(record.value);
    if (event === undefined) return;
    if (event?.op === 't') this.truncates.push({ partition, offset, event, position });
    if (wanted === undefined) return;
    const list = this.records.get(wanted) ?? [];
    list.push({ partition, offset, event, position });
    if (list.length > RECORDS_PER_KEY) list.shift();
    this.records.set(wanted, list);
  }

  /** Whether a column that the sink lacks was ever published: sought as text first, parsed where it may be there. */
  #seeColumns(value: Buffer | null): void {
    const unseen = [...this.#absent].filter((name) => value?.includes(JSON.stringify(name)) === true);
    if (value === null || unseen.length === 0) return;
    const after = readEvent(value)?.after ?? {};
    for (const name of unseen.filter((column) => column in after)) {
      this.columns.add(name);
      this.#absent.delete(name);
    }
  }

  #keyText(key: Buffer): string | undefined {
    const fields = readKey(key);
    if (fields === undefined) return undefined;
    const texts = this.#pair.key.map((column) => asPostgresText(fields[column.source.name], column.source));
    return texts.includes(undefined) ? undefined : JSON.stringify(texts);
  }
}

function normalised(keyText: string): string {
  try {
    return JSON.stringify(JSON.parse(keyText));
  } catch {
    return keyText;
  }
}

/** @returns why it could not be read to its ends; empty where it was. */
async function consume(
  kafka: KafkaView,
  topic: string,
  left: Map<number, bigint>,
  history: History,
  signal: AbortSignal,
): Promise<string> {
  const groupId = `cdc-lab-verifier-${randomUUID()}`;
  const consumer = kafka.kafka.consumer({ groupId, ...READER });
  const finished = Promise.withResolvers<string>();
  let stall = setTimeout(() => finished.resolve('reading the topic stalled'), STALL_MS);
  const abort = (): void => finished.resolve('the deadline passed while the topic was read');
  signal.addEventListener('abort', abort, { once: true });
  consumer.on(consumer.events.CRASH, (event) => finished.resolve(messageOf(event.payload.error)));
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, heartbeat }) => {
        clearTimeout(stall);
        stall = setTimeout(() => finished.resolve('reading the topic stalled'), STALL_MS);
        for (const message of batch.messages) {
          const offset = BigInt(message.offset);
          if (offset >= (left.get(batch.partition) ?? 0n)) break;
          const header = message.headers?.[POSITION_HEADER];
          const position = header === undefined || Array.isArray(header) ? null : header.toString();
          history.add({
            partition: batch.partition,
            offset,
            key: message.key,
            value: message.value,
            position,
          });
        }
        if (BigInt(batch.lastOffset()) + 1n >= (left.get(batch.partition) ?? 0n))
          left.delete(batch.partition);
        if (left.size === 0) finished.resolve('');
        await heartbeat();
      },
    });
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
