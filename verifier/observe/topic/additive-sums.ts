import type { Catalogues } from '../catalogues.ts';
import type { Offsets } from '../fence.ts';
import type { Column } from '../source/catalogue.ts';
import { FastEventReader, type OpenedEvent } from './fast-event-reader.ts';
import { KeySlots } from './key-slots.ts';
import { comparePositions, type ParsedPosition, positionIn, storePosition } from './parsed-position.ts';
import type { RawRecord } from './topic-reader.ts';

/** A column of numbers that can be added up without a loss. */
export interface AdditiveColumn {
  readonly name: string;
  /** Digits behind the point. */
  readonly scale: number;
}

/** Columns of one table that are followed: each takes two words for every key. */
const MAX_COLUMNS = 6;

/** Columns of the source that the copy has too, by the source's table: integers, and decimals of a declared scale. */
export function additiveColumns({
  expected,
  copies,
}: Catalogues): ReadonlyMap<string, readonly AdditiveColumn[]> {
  const own = expected.map((table) => {
    const there = new Set(copies.get(table.id)?.columns.map(({ name }) => name));
    const columns = table.key.length === 0 ? [] : table.columns;
    const additive = columns
      .filter(({ name, keyRank }) => keyRank === 0 && there.has(name))
      .flatMap((column) => {
        const scale = scaleOf(column);
        return scale === null ? [] : [{ name: column.name, scale }];
      });
    return [table.id, additive.slice(0, MAX_COLUMNS)] as const;
  });
  return new Map(own.filter(([, columns]) => columns.length > 0));
}

function scaleOf({ type, cast }: Column): number | null {
  if (['int2', 'int4', 'int8'].includes(type)) return 0;
  const declared = type === 'numeric' ? /\(\d+,(\d+)\)$/.exec(cast) : null;
  return declared === null ? null : Number(declared[1]);
}

/** What the events of one topic make, column by column, in units of the column's last digit. */
export interface SumsView {
  /** Why nothing can be said of any column; null where it can. */
  readonly problem: string | null;
  readonly columns: readonly {
    readonly name: string;
    readonly scale: number;
    readonly problem: string | null;
  }[];
  /**
   * Sums over the rows as they are when all records before these offsets have taken effect once. Null where that was
   * not read so far, or cannot be told any more.
   */
  at(offsets: Offsets): readonly bigint[] | null;
}

/** Keys of one topic that are remembered; a topic with more is not judged. */
const MAX_KEYS = 200_000;
/** Changes kept of one partition that lie behind the last offset that was asked about. */
const MAX_LATER = 500_000;
/** Of each key: the place of its last change, then the columns' values. */
const POSITION_WORDS = 4;

/**
 * Adds up, record by record, what a column must come to where every change takes effect exactly once: a change that
 * comes again, or behind a newer one of its key, adds nothing; others add what they make of the row's value.
 */
export class AdditiveSums implements SumsView {
  readonly columns: { readonly name: string; readonly scale: number; problem: string | null }[];
  problem: string | null = null;
  readonly #keys: KeySlots;
  readonly #bodies = new FastEventReader();
  readonly #partitions = new Map<string, Partition>();

  constructor(columns: readonly AdditiveColumn[]) {
    this.columns = columns.map((column) => ({ ...column, problem: null }));
    this.#keys = new KeySlots(POSITION_WORDS + 2 * columns.length, MAX_KEYS);
  }

  /** A column of which the scale has changed means something else from now on. */
  expect(columns: readonly AdditiveColumn[]): void {
    for (const own of this.columns) {
      const same = columns.some(({ name, scale }) => name === own.name && scale === own.scale);
      if (!same) own.problem ??= 'its type has changed';
    }
  }

  add(record: RawRecord, place: ParsedPosition | undefined): void {
    if (this.problem !== null || record.value === null) return;
    const event = this.#bodies.open(record.value);
    if (event === undefined || record.key === null || place === undefined) {
      this.problem = 'a record has no key, no position, or is no change';
      if (event?.body.op === 't') this.problem = 'the table was truncated';
      return;
    }
    const own = this.#keys.of(record);
    if (own === null) {
      this.problem = `there are more than ${MAX_KEYS} keys`;
      return;
    }
    if (comparePositions(place, positionIn(own)) <= 0) return;
    storePosition(own, place);
    this.#take(record, event, own);
  }

  #take({ topic, partition, offset }: RawRecord, event: OpenedEvent, own: Uint32Array): void {
    const deltas = this.columns.map((column, i) => {
      if (column.problem !== null) return 0;
      const value = event.body.op === 'd' ? 0 : unitsOf(event, column);
      if (value === null) {
        column.problem = 'some event does not tell its value exactly';
        return 0;
      }
      const at = POSITION_WORDS + 2 * i;
      const before = readNumber(own, at);
      storeNumber(own, at, value);
      return value - before;
    });
    const name = `${topic}/${partition}`;
    const known = this.#partitions.get(name) ?? new Partition(this.columns.length);
    this.#partitions.set(name, known);
    known.add(Number(offset), deltas);
  }

  at(offsets: Offsets): readonly bigint[] | null {
    let sums = this.columns.map(() => 0n);
    for (const [name, own] of this.#partitions) {
      const before = own.before(Number(offsets.get(name) ?? 0n));
      if (before === null) return null;
      sums = sums.map((sum, i) => sum + (before[i] ?? 0n));
    }
    return sums;
  }
}

/** Sums of one partition up to an offset that only grows: changes behind it are kept one by one. */
class Partition {
  #sums: bigint[];
  #counted = -1;
  #later: { readonly offset: number; readonly deltas: readonly number[] }[] = [];
  #isLost = false;

  constructor(columns: number) {
    this.#sums = Array.from({ length: columns }, () => 0n);
  }

  add(offset: number, deltas: readonly number[]): void {
    this.#isLost ||= this.#later.length >= MAX_LATER;
    if (!this.#isLost) this.#later.push({ offset, deltas });
  }

  before(offset: number): readonly bigint[] | null {
    if (this.#isLost || offset < this.#counted) return null;
    const at = this.#later.findIndex((own) => own.offset >= offset);
    const done = this.#later.splice(0, at < 0 ? this.#later.length : at);
    for (const { deltas } of done) this.#sums = this.#sums.map((sum, i) => sum + BigInt(deltas[i] ?? 0));
    this.#counted = offset;
    return this.#sums;
  }
}

/** In units of the column's last digit; NULL adds nothing. Null where the event does not tell it exactly. */
function unitsOf({ body, scales }: OpenedEvent, { name, scale }: AdditiveColumn): number | null {
  const value = body.after?.[name];
  if (value === null) return 0;
  if (typeof value === 'number') return scale === 0 && isExact(value) ? value : null;
  if (typeof value !== 'string' || scales.get(name) !== scale) return null;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === 0) return null;
  const unscaled = Number(BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`)));
  return isExact(unscaled) ? unscaled : null;
}

/** A whole number of which the difference to another such is exact too. */
function isExact(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= 2 ** 52;
}

const WORD = 2 ** 32;

/** A safe integer in two words: its high one, signed, and its low one. */
function storeNumber(words: Uint32Array, at: number, value: number): void {
  words[at] = Math.floor(value / WORD);
  words[at + 1] = value - Math.floor(value / WORD) * WORD;
}

function readNumber(words: Uint32Array, at: number): number {
  return ((words[at] ?? 0) | 0) * WORD + (words[at + 1] ?? 0);
}
