/**
 * `verifier/observe/topic`: reads the topics of the pipeline, with another Kafka client and another decoder.
 * In: a connection to Kafka, and the names of topics.
 * Out: offsets, what all records together say (`TopicLog`), the history of chosen keys, and the dead letters.
 * Promises: `TopicLog` reads each record once in its life, in bounded memory; what it does not know completely it
 * reports as unknown, never as zero.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Offsets } from '../offsets.ts';
import { type AdditiveColumn, AdditiveSums, type SumsView } from './additive-sums.ts';
import { IdentitySet, identityOf } from './identities.ts';
import type { KafkaView } from './kafka-view.ts';
import { KeyOrder, type TopicOrder } from './key-order.ts';
import { type ParsedPosition, parsePosition } from './parsed-position.ts';
import { type KnownPositions, TopicPositions } from './topic-positions.ts';
import { partsOf, type RawRecord, readRecords } from './topic-reader.ts';

/** Records that one verification reads at most. The rest is left for the next one. */
const RECORDS_PER_LOOK = 500_000n;
/**
 * Identities kept at most, eight bytes each in a table that is at most half full, and positions in order, five bytes
 * each. With more, nothing is claimed.
 */
const MAX_IDENTITIES = 4_000_000;
const MAX_IN_ORDER = 16_000_000;
/** A reader that stalls is restarted, and continues where it stopped. */
const ATTEMPTS = 3;
const RETRY_MS = 500;

/** What all records of the topics say together. */
export interface TopicView {
  /** Why the topics could not be read; empty if they could. */
  readonly problem: string;
  /** True if everything up to the ends at the start of the reading was read and can be remembered. */
  readonly complete: boolean;
  /** Number of records that repeat an earlier change; null if not all records are known. */
  readonly repeated: number | null;
  /** Violations of the order, by topic. */
  readonly order: ReadonlyMap<string, TopicOrder>;
  /** Number of changes whose order was judged, and whether keys were left out because there are too many. */
  readonly ordered: { readonly changes: number; readonly keysLeftOut: boolean };
  /** Positions of a topic's records. A topic is missing if it was not read whole, or a record has no position. */
  readonly positions: ReadonlyMap<string, KnownPositions>;
  /**
   * Number of changes, without tombstones, in a partition (`topic/partition`) before an offset. Null if its first records
   * are gone, or it has not been read that far.
   */
  changesBefore(partition: string, offset: bigint): number | null;
  /** Sums of the requested columns over the events, by topic. */
  readonly sums: ReadonlyMap<string, SumsView>;
}

/** Reads each record of the topics once, and remembers what later records are compared with. */
export class TopicLog {
  #next = new Map<string, bigint>();
  #seen = new IdentitySet();
  #repeated = 0;
  #order = new KeyOrder();
  #positions = new Map<string, TopicPositions>();
  #changes = new Map<string, Changes>();
  #sums = new Map<string, AdditiveSums>();

  /**
   * Reads the records that have arrived since the last call.
   * @param additive Columns to sum, by topic. A topic can be summed only from the first record that is read of it.
   */
  async read(
    kafka: KafkaView,
    topics: readonly string[],
    signal: AbortSignal,
    additive: ReadonlyMap<string, readonly AdditiveColumn[]> = new Map(),
  ): Promise<TopicView> {
    const { firsts, ends } = await kafka.offsets(topics);
    if ([...this.#next].some(([partition, next]) => (ends.get(partition) ?? 0n) < next)) this.#forget();
    for (const [topic, columns] of additive) this.#follow(topic, columns);
    let problem = '';
    let bounded: Map<string, bigint> = new Map();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await sleep(RETRY_MS);
      const from = this.#from(firsts);
      bounded = withinBudget(from, ends);
      problem = await readRecords(kafka, from, bounded, (record) => this.#add(record), signal);
      if (problem === '' || signal.aborted) break;
    }
    if (problem === '') for (const [partition, end] of bounded) this.#next.set(partition, end);
    return this.#view(problem, firsts, ends);
  }

  /** Records of the topic that were read earlier would be missing from the sums: then it is not summed. */
  #follow(topic: string, columns: readonly AdditiveColumn[]): void {
    const isNew = [...this.#next.keys()].every((partition) => partsOf(partition).topic !== topic);
    if (isNew && !this.#sums.has(topic)) this.#sums.set(topic, new AdditiveSums(columns));
    this.#sums.get(topic)?.expect(columns);
  }

  #from(firsts: Offsets): Map<string, bigint> {
    const from = new Map<string, bigint>();
    for (const [partition, first] of firsts) {
      const next = this.#next.get(partition) ?? 0n;
      from.set(partition, next > first ? next : first);
    }
    return from;
  }

  #add(record: RawRecord): void {
    const partition = `${record.topic}/${record.partition}`;
    this.#next.set(partition, record.offset + 1n);
    if (record.value !== null) entry(this.#changes, partition, () => new Changes()).add(record.offset);
    const position = record.position === null ? undefined : parsePosition(record.position);
    const isFull = this.#isFull;
    const isNew = isFull || this.#isNew(record, position);
    if (!isNew) this.#repeated++;
    this.#sums.get(record.topic)?.add(record, position);
    // Once identities are no longer remembered, a repetition would look like an older change.
    if (position !== undefined && !isFull) this.#order.add(record, position, isNew);
  }

  get #isFull(): boolean {
    const inOrder = [...this.#positions.values()].reduce((sum, { size }) => sum + size, 0);
    return this.#seen.size >= MAX_IDENTITIES || inOrder >= MAX_IN_ORDER;
  }

  /** Remembers the record. @returns false if it repeats an earlier one. */
  #isNew(record: RawRecord, position: ParsedPosition | undefined): boolean {
    const positions = entry(this.#positions, record.topic, () => new TopicPositions());
    const seen = positions.add(record, position);
    if (seen !== 'unknown') return seen === 'new';
    const identity = identityOf(record);
    return identity === null || this.#seen.add(identity);
  }

  #view(problem: string, firsts: Offsets, ends: Offsets): TopicView {
    const isWhole = (partition: string): boolean =>
      (firsts.get(partition) ?? 0n) === 0n && this.#next.get(partition) === ends.get(partition);
    const room = !this.#isFull;
    const all = [...ends.keys()].every((partition) => this.#next.get(partition) === ends.get(partition));
    const whole = [...this.#positions].filter(([topic]) =>
      [...ends.keys()].filter((name) => name.startsWith(`${topic}/`)).every(isWhole),
    );
    return {
      problem,
      complete: problem === '' && all && room,
      repeated: problem === '' && all && room ? this.#repeated : null,
      order: this.#order.topics,
      ordered: { changes: this.#order.judged, keysLeftOut: this.#order.isFull },
      positions: new Map(whole.filter(([, own]) => own.isComplete)),
      changesBefore: (partition, offset) => {
        if ((firsts.get(partition) ?? 0n) > 0n || (this.#next.get(partition) ?? 0n) < offset) return null;
        const own = this.#changes.get(partition);
        return own === undefined ? 0 : own.before(offset);
      },
      sums: new Map([...this.#sums].map(([topic, own]) => [topic, this.#sumsOf(topic, own, firsts)])),
    };
  }

  #sumsOf(topic: string, own: AdditiveSums, firsts: Offsets): SumsView {
    const partitions = [...firsts.keys()].filter((partition) => partsOf(partition).topic === topic);
    const isCut = partitions.some((partition) => (firsts.get(partition) ?? 0n) > 0n);
    return {
      problem: isCut ? 'older records are gone from the topic' : own.problem,
      columns: own.columns,
      at: (offsets) => {
        const isRead = partitions.every((name) => (this.#next.get(name) ?? 0n) >= (offsets.get(name) ?? 0n));
        return isRead ? own.at(offsets) : null;
      },
    };
  }

  #forget(): void {
    this.#sums = new Map();
    this.#next = new Map();
    this.#seen = new IdentitySet();
    this.#repeated = 0;
    this.#order = new KeyOrder();
    this.#positions = new Map();
    this.#changes = new Map();
  }
}

function entry<T>(map: Map<string, T>, name: string, make: () => T): T {
  const known = map.get(name) ?? make();
  map.set(name, known);
  return known;
}

function withinBudget(from: Offsets, ends: Offsets): Map<string, bigint> {
  let left = RECORDS_PER_LOOK;
  const bounded = new Map<string, bigint>();
  for (const [partition, end] of ends) {
    const start = from.get(partition) ?? 0n;
    const count = end - start < left ? end - start : left;
    bounded.set(partition, start + count);
    left -= count;
  }
  return bounded;
}

/** Offsets kept per partition behind the last requested one. */
const MAX_OFFSETS = 1_000_000;

/** Number of changes in a partition before an offset that only grows. Offsets behind it are kept individually. */
class Changes {
  #before = 0;
  #counted = -1;
  #later: number[] = [];
  #isLost = false;

  add(offset: bigint): void {
    this.#isLost ||= this.#later.length >= MAX_OFFSETS;
    if (!this.#isLost) this.#later.push(Number(offset));
  }

  /** Null for an offset before an earlier call's, and after too many offsets: the number is no longer known. */
  before(bound: bigint): number | null {
    const offset = Number(bound);
    if (this.#isLost || offset < this.#counted) return null;
    const at = this.#later.findIndex((own) => own >= offset);
    const done = at < 0 ? this.#later.length : at;
    this.#before += done;
    this.#later = this.#later.slice(done);
    this.#counted = offset;
    return this.#before;
  }
}
