import type { Catalogues } from '../catalogues.ts';
import type { Offsets } from '../offsets.ts';
import type { Column } from '../source/catalogue.ts';
import { FastEventReader, type OpenedEvent } from './fast-event-reader.ts';
import { KeySlots } from './key-slots.ts';
import { comparePositions, type ParsedPosition, positionIn, storePosition } from './parsed-position.ts';
import type { RawRecord } from './topic-reader.ts';

/** A column of numbers that can be summed exactly. */
export interface AdditiveColumn {
  readonly name: string;
  /** Digits after the decimal point. */
  readonly scale: number;
}

/** Columns of one table that are summed at most: each takes two words per key. */
const MAX_COLUMNS = 6;

/** Columns that source and copy share and that are integers or decimals with a declared scale, by the source's table. */
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

/** Sums of the events of one topic, column by column, in units of the column's last digit. */
export interface SumsView {
  /** Why no column can be summed; null if they can. */
  readonly problem: string | null;
  readonly columns: readonly {
    readonly name: string;
    readonly scale: number;
    /** Why this column cannot be summed; null if it can. */
    readonly problem: string | null;
  }[];
  /**
   * Sums over the rows after each record before these offsets has taken effect exactly once. Null if the records have
   * not all been read, or if the offsets are older than those of an earlier call.
   */
  at(offsets: Offsets): readonly bigint[] | null;
}

/** Keys of one topic that are remembered; a topic with more keys is not judged. */
const MAX_KEYS = 200_000;
/** Changes kept per partition behind the last requested offset. */
const MAX_LATER = 500_000;
/** For each key: the position of its last change, then the columns' values. */
const POSITION_WORDS = 4;

/**
 * Sums, record by record, what each column must add up to if every change takes effect exactly once. A repeated change,
 * or one that arrives after a newer change of its key, adds nothing; others add the difference that they make.
 */
export class AdditiveSums implements SumsView {
  readonly columns: { readonly name: string; readonly scale: number; problem: string | null }[];
  problem: string | null = null;
  /** Null once there is a problem: then they would only take memory. */
  #keys: KeySlots | null;
  readonly #events = new FastEventReader();
  readonly #partitions = new Map<string, Partition>();

  constructor(columns: readonly AdditiveColumn[]) {
    this.columns = columns.map((column) => ({ ...column, problem: null }));
    this.#keys = new KeySlots(POSITION_WORDS + 2 * columns.length, MAX_KEYS);
  }

  /** A column whose scale has changed can no longer be summed. */
  expect(columns: readonly AdditiveColumn[]): void {
    for (const own of this.columns) {
      const same = columns.some(({ name, scale }) => name === own.name && scale === own.scale);
      if (!same) own.problem ??= 'its type has changed';
    }
  }

  add(record: RawRecord, position: ParsedPosition | undefined): void {
    if (this.#keys === null || record.value === null) return;
    const event = this.#events.open(record.value);
    if (event === undefined || record.key === null || position === undefined) {
      const isTruncate = event?.body.op === 't';
      this.#giveUp(
        isTruncate ? 'the table was truncated' : 'a record has no key or no position, or is not a change',
      );
      return;
    }
    const own = this.#keys.of(record);
    if (own === null) {
      this.#giveUp(`there are more than ${MAX_KEYS} keys`);
      return;
    }
    if (comparePositions(position, positionIn(own)) <= 0) return;
    storePosition(own, position);
    this.#take(record, event, own);
  }

  #giveUp(problem: string): void {
    this.problem = problem;
    this.#keys = null;
    this.#partitions.clear();
  }

  #take({ topic, partition, offset }: RawRecord, event: OpenedEvent, own: Uint32Array): void {
    const deltas = this.columns.map((column, i) => {
      if (column.problem !== null) return 0;
      const value = event.body.op === 'd' ? 0 : unitsOf(event, column);
      if (value === null) {
        column.problem = 'an event does not give its value exactly';
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

/** Sums of one partition up to an offset that only grows. Changes behind it are kept individually. */
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

/** A column's value in units of its last digit; 0 for NULL. Null if the event does not give the value exactly. */
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

/** A whole number so small that its difference to another such number is exact too. */
function isExact(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= 2 ** 52;
}

const WORD = 2 ** 32;

/** Stores a safe integer in two words: the high word is signed. */
function storeNumber(words: Uint32Array, at: number, value: number): void {
  words[at] = Math.floor(value / WORD);
  words[at + 1] = value - Math.floor(value / WORD) * WORD;
}

function readNumber(words: Uint32Array, at: number): number {
  return ((words[at] ?? 0) | 0) * WORD + (words[at + 1] ?? 0);
}
