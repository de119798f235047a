import { setTimeout as sleep } from 'node:timers/promises';
import type { Offsets } from '../fence.ts';
import { type AdditiveColumn, AdditiveSums, type SumsView } from './additive-sums.ts';
import { IdentitySet, identityOf } from './identities.ts';
import type { KafkaView } from './kafka-view.ts';
import { KeyOrder, type TopicOrder } from './key-order.ts';
import { parsePosition, wordsOf } from './parsed-position.ts';
import { partsOf, type RawRecord, readRecords } from './topic-reader.ts';

/** Records read at most by one verification: what is left is for the next one. */
const RECORDS_PER_LOOK = 500_000n;
/** Identities kept at most, eight bytes each and as much room again. Beyond it nothing is claimed. */
const MAX_IDENTITIES = 4_000_000;
/** Positions of one topic: beyond it, what wrote a row of its table is not judged. */
const MAX_POSITIONS = 1_000_000;
/** A reader that stalls is begun anew: what it has read it need not read again. */
const ATTEMPTS = 3;
const RETRY_MS = 500;

/** What all records of the topics together say. */
export interface TopicView {
  /** Why the topics could not be read; empty where they could. */
  readonly problem: string;
  /** All of them was read, up to the ends when the reading began, and can be remembered. */
  readonly complete: boolean;
  /** Records that repeat a change which came before; null where not all of them are known. */
  readonly repeated: number | null;
  /** By topic: changes out of their order. */
  readonly order: ReadonlyMap<string, TopicOrder>;
  /** Changes whose order was looked at, and whether some keys were too many to be remembered. */
  readonly ordered: { readonly changes: number; readonly keysLeftOut: boolean };
  /** Positions that the records of a topic carry; absent for a topic of which some record has none. */
  readonly positions: ReadonlyMap<string, KnownPositions>;
  /**
   * Changes (tombstones are none) of a partition (`topic/partition`) before that offset. Null where its first records
   * are gone, or it was not read so far.
   */
  changesBefore(partition: string, offset: bigint): number | null;
  /** What the events of each topic make of the columns that were asked for, by topic. */
  readonly sums: ReadonlyMap<string, SumsView>;
}

/** Positions of one topic that was read from its first record to its end. */
export interface KnownPositions {
  /** Null where the text is no position. */
  has(position: string): boolean | null;
  /** The least of those that belong to the stream; null where there is none. */
  readonly oldest: string | null;
}

/** Reads each record of the topics once in its life, and remembers what later ones are held against. */
export class TopicLog {
  #next = new Map<string, bigint>();
  #seen = new IdentitySet();
  #repeated = 0;
  #order = new KeyOrder();
  #positions = new Map<string, Positions>();
  #changes = new Map<string, Changes>();
  #sums = new Map<string, AdditiveSums>();

  /** @param additive Columns to be added up, by topic: followed from the first record that is read. */
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

  /** A topic of which records were read already is not followed any more: its sums would lack them. */
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
    const identity = identityOf(record);
    const isFull = this.#seen.size >= MAX_IDENTITIES;
    const isNew = identity === null || isFull || this.#seen.add(identity);
    if (!isNew) this.#repeated++;
    const place = record.position === null ? undefined : parsePosition(record.position);
    this.#sums.get(record.topic)?.add(record, place);
    if (record.value !== null)
      entry(this.#positions, record.topic, () => new Positions()).add(record.position);
    // Beyond what can be remembered, a repetition would look like an older change.
    if (place !== undefined && !isFull) this.#order.add(record, place, isNew);
  }

  #view(problem: string, firsts: Offsets, ends: Offsets): TopicView {
    const isWhole = (partition: string): boolean =>
      (firsts.get(partition) ?? 0n) === 0n && this.#next.get(partition) === ends.get(partition);
    const room = this.#seen.size < MAX_IDENTITIES;
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

/** Positions of one topic. */
class Positions implements KnownPositions {
  readonly #set = new IdentitySet();
  isComplete = true;
  oldest: string | null = null;

  add(position: string | null): void {
    const place = position === null ? undefined : parsePosition(position);
    if (position === null || place === undefined || this.#set.size >= MAX_POSITIONS) {
      this.isComplete = false;
      return;
    }
    this.#set.addWords(...wordsOf(place));
    if (place.ordinal !== 0 && (this.oldest === null || position < this.oldest)) this.oldest = position;
  }

  has(position: string): boolean | null {
    const place = parsePosition(position);
    return place === undefined ? null : this.#set.hasWords(...wordsOf(place));
  }
}

/** Offsets kept of one partition that nobody has asked about. */
const MAX_OFFSETS = 1_000_000;

/** How many changes a partition has before an offset that only grows: offsets behind it are kept one by one. */
class Changes {
  #before = 0;
  #counted = -1;
  #later: number[] = [];
  #isLost = false;

  add(offset: bigint): void {
    this.#isLost ||= this.#later.length >= MAX_OFFSETS;
    if (!this.#isLost) this.#later.push(Number(offset));
  }

  /** Null where it cannot be told any more: for an earlier place than before, and after too many offsets. */
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
