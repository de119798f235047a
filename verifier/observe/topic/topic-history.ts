import type { Lsn } from '../../../pipeline/contract/lsn.ts';
import type { Offsets } from '../offsets.ts';
import type { Column } from '../source/catalogue.ts';
import { asPostgresText, type Event, readEvent, readKey, sameKeyText } from './envelope.ts';
import type { KafkaView } from './kafka-view.ts';
import { commitLsnIn } from './parsed-position.ts';
import { contentOf, partsOf, type RawRecord, readRecords } from './topic-reader.ts';

/** One record of a topic. */
export interface TopicRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Null for a tombstone. */
  readonly event: Event | null;
  /** Value of the header {@link POSITION_HEADER}; null if the record has none. */
  readonly position: string | null;
  /**
   * Where it was committed, by its position. Without one (Debezium's), or with one that the source's WAL has not reached,
   * it is the LSN of the change, which is before that of the commit; null if the event has none either.
   */
  readonly lsn: Lsn | null;
  /** Hash of key and value. */
  readonly content: string;
}

/** What a topic says of some keys of its table. */
export interface TopicHistory {
  /**
   * The last records of each key, oldest first, by the key text that the comparison uses. Records from the key's bound
   * on are left out.
   */
  readonly records: ReadonlyMap<string, readonly TopicRecord[]>;
  /** TRUNCATEs of the table, which have no key. */
  readonly truncates: readonly TopicRecord[];
  /** Columns of the source that some event of the topic carries, whatever its key. */
  readonly columns: ReadonlySet<string>;
  /** True if the whole topic was read, from its very first record. */
  readonly complete: boolean;
  /** Why it was not; empty if it was. */
  readonly reason: string;
}

/** Records kept per key: the last ones. */
const RECORDS_PER_KEY = 32;

/** What to look for in one topic. */
export interface Sought {
  /** Columns of the source's primary key, in order. */
  readonly key: readonly Column[];
  /** Names of the compared columns at the source. */
  readonly columns: readonly string[];
  /** The keys, each with the position from which on its records do not count; null: all count. */
  readonly keys: ReadonlyMap<string, Lsn | null>;
}

/** Which records to read. */
interface Bounds {
  readonly firsts: Offsets;
  readonly ends: Offsets;
  /** The end of the source's WAL, read after `ends`: no record before them was committed behind it. */
  readonly writtenTo: Lsn;
}

/**
 * Reads all these topics together, from their beginning to the given ends, and keeps the records of the wanted keys. If
 * Kafka cannot give all records, it does not throw: the histories are then incomplete, with the reason.
 */
export async function readHistories(
  kafka: KafkaView,
  sought: ReadonlyMap<string, Sought>,
  bounds: Bounds,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TopicHistory>> {
  const books = new Map([...sought].map(([topic, own]) => [topic, new HistoryBook(own, bounds.writtenTo)]));
  const ends = new Map([...bounds.ends].filter(([name]) => sought.has(partsOf(name).topic)));
  const onRecord = (record: RawRecord): void => books.get(record.topic)?.add(record);
  const problem = await readRecords(kafka, bounds.firsts, ends, onRecord, signal);
  const cut = new Set<string>();
  for (const name of ends.keys()) if ((bounds.firsts.get(name) ?? 0n) > 0n) cut.add(partsOf(name).topic);
  return new Map(
    [...books].map(([topic, book]) => {
      const reason = problem === '' && cut.has(topic) ? 'older records are gone from the topic' : problem;
      return [topic, book.told(reason)];
    }),
  );
}

/** Collects the history of some keys from the records of their topic. */
export class HistoryBook {
  readonly records = new Map<string, TopicRecord[]>();
  readonly columns = new Set<string>();
  readonly truncates: TopicRecord[] = [];
  readonly #key: readonly Column[];
  /** Wanted keys, by their texts as {@link normalised} has them. */
  readonly #wanted: ReadonlyMap<string, { readonly text: string; readonly before: Lsn | null }>;
  readonly #unseen: Set<string>;
  readonly #writtenTo: Lsn;

  constructor({ key, columns, keys }: Sought, writtenTo: Lsn) {
    this.#writtenTo = writtenTo;
    this.#key = key;
    this.#unseen = new Set(columns);
    this.#wanted = new Map([...keys].map(([text, before]) => [normalised(text, key), { text, before }]));
  }

  /** @param reason Why not all records of the topic were added; empty if they were. */
  told(reason: string): TopicHistory {
    const { records, columns, truncates } = this;
    return { records, columns, truncates, complete: reason === '', reason };
  }

  /** Parses values only of wanted keys: a topic may hold millions of others. */
  add(record: RawRecord): void {
    this.#seeColumns(record.value);
    const text = record.key === null ? undefined : this.#keyText(record.key);
    const wanted = text === undefined ? undefined : this.#wanted.get(text);
    if (wanted === undefined && text !== undefined) return;
    const event = record.value === null ? null : readEvent(record.value);
    if (event === undefined) return;
    const { topic, partition, offset, position } = record;
    const lsn = committedAt(position, this.#writtenTo) ?? event?.lsn ?? null;
    const seen = { topic, partition, offset, event, position, lsn, content: contentOf(record) };
    if (event?.op === 't') this.truncates.push(seen);
    if (wanted === undefined) return;
    // The last records before the bound are kept, however often the key was written after it.
    if (lsn !== null && wanted.before !== null && lsn >= wanted.before) return;
    const list = this.records.get(wanted.text) ?? [];
    list.push(seen);
    if (list.length > RECORDS_PER_KEY) list.shift();
    this.records.set(wanted.text, list);
  }

  /** Notes which columns were ever published. A search in the bytes comes first, so that few values are parsed. */
  #seeColumns(value: Buffer | null): void {
    const unseen = [...this.#unseen].filter((name) => value?.includes(JSON.stringify(name)) === true);
    if (value === null || unseen.length === 0) return;
    const after = readEvent(value)?.after ?? {};
    for (const name of unseen.filter((column) => column in after)) {
      this.columns.add(name);
      this.#unseen.delete(name);
    }
  }

  #keyText(key: Buffer): string | undefined {
    const fields = readKey(key);
    if (fields === undefined) return undefined;
    const texts = this.#key.map((column) => asPostgresText(fields[column.name], column));
    return texts.includes(undefined) ? undefined : normalised(JSON.stringify(texts), this.#key);
  }
}

/** The commit's LSN; null if the position has none that is possible: the capture may have got it wrong. */
export function committedAt(position: string | null, writtenTo: Lsn): Lsn | null {
  const lsn = commitLsnIn(position);
  return lsn !== null && lsn <= writtenTo ? lsn : null;
}

/** Without PostgreSQL's spacing. */
function normalised(keyText: string, key: readonly Column[]): string {
  try {
    const texts = JSON.parse(keyText) as readonly (string | null)[];
    return JSON.stringify(texts.map((text, i) => sameKeyText(text, key[i]?.type)));
  } catch {
    return keyText;
  }
}
