import type { Table } from '../observe/source/catalogue.ts';
import { bytesText, countText } from '../units.ts';
import { carriesKey, type Relation } from './relations.ts';
import { type Message, type Tuple, UNCHANGED } from './test-decoding.ts';

/** A row as one transaction left it, columns in the table's order. */
export interface Version {
  readonly values: readonly (string | null | typeof UNCHANGED)[];
  /** Key (JSON) of the row in the source's snapshot that holds the values that are UNCHANGED here. */
  readonly base: string;
}

/** The versions of a key while the window was open, oldest first; null means that it was deleted. */
export type History = (Version | null)[];

/** Bounds on memory. */
export interface TouchedLimits {
  readonly keys: number;
  readonly bytes: number;
}

/** More was written while the window was open than memory may hold. */
export class TooMuchTouched extends Error {}

interface Leaf {
  readonly table: Table;
  readonly names: readonly string[];
  readonly keyIndexes: readonly number[];
  readonly carriesKey: boolean;
}

/**
 * Collects the keys that transactions touched since the source's snapshot, with every version that they had. A key is
 * named by the JSON array of its values as they are in the stream.
 */
export class Touched {
  /** By the table's id, then by key. */
  readonly tables = new Map<string, Map<string, History>>();
  /** Tables about which the stream is incomplete, and why. */
  readonly problems = new Map<string, string>();
  /** A table or column was written that was not given to the constructor: it may have been created since. */
  sawUnknown = false;
  keys = 0;
  #bytes = 0;
  readonly #limits: TouchedLimits;
  readonly #leaves = new Map<string, Leaf>();

  constructor(tables: readonly Table[], relations: ReadonlyMap<string, Relation>, limits: TouchedLimits) {
    this.#limits = limits;
    for (const table of tables) {
      const names = table.columns.map((column) => column.name);
      const key = table.key.map((column) => column.name);
      const keyIndexes = key.map((name) => names.indexOf(name));
      for (const leaf of relations.get(table.id)?.leaves ?? []) {
        this.#leaves.set(leaf.id, { table, names, keyIndexes, carriesKey: carriesKey(leaf, key) });
      }
    }
  }

  /**
   * Records a message of the stream.
   * @param bytes Size of the message.
   * @throws TooMuchTouched beyond the limits.
   */
  add(message: Message, bytes: number): void {
    if (message.tag === 'truncate') {
      for (const id of message.tables) {
        const leaf = this.#leaves.get(id);
        if (leaf === undefined) this.sawUnknown = true;
        else this.problems.set(leaf.table.id, 'it was truncated meanwhile');
      }
    }
    if (message.tag !== 'change') return;
    const leaf = this.#leaves.get(message.table);
    if (leaf === undefined) {
      this.sawUnknown = true;
      return;
    }
    const problem = this.#change(leaf, message);
    if (problem !== null) this.problems.set(leaf.table.id, problem);
    this.#bytes += bytes;
    if (this.keys > this.#limits.keys || this.#bytes > this.#limits.bytes) {
      throw new TooMuchTouched(
        `${countText(this.keys)} keys and ${bytesText(this.#bytes)} were written meanwhile, more than the verifier may hold`,
      );
    }
  }

  /** Adds a key that must be judged once more, though it was not written again. */
  again(table: string, key: string): void {
    this.#push(table, key, null);
  }

  #change(leaf: Leaf, { op, old, new: after }: Extract<Message, { tag: 'change' }>): string | null {
    if (leaf.keyIndexes.length === 0) return 'it has no primary key and was written to meanwhile';
    if (op !== 'INSERT' && !leaf.carriesKey) return 'its replica identity does not say which row was written';
    const oldKey = old === null ? null : keyOf(leaf, old, null);
    if (op === 'DELETE') {
      if (oldKey === null) return 'a deleted row has no key in the stream';
      this.#push(leaf.table.id, oldKey, null);
      return null;
    }
    if (after === null) return 'a written row has no values in the stream';
    const key = keyOf(leaf, after, old);
    if (key === null) return 'a written row has no key in the stream';
    const values = leaf.names.map((name) => after.get(name));
    if (values.includes(undefined)) return 'its columns were changed meanwhile';
    // This is also true of a generated column, which the catalogue of the comparison leaves out.
    if (after.size > leaf.names.length) this.sawUnknown = true;
    const from = oldKey ?? key;
    const version = this.#filled(leaf, values as Version['values'], old, from);
    if (from !== key) this.#push(leaf.table.id, from, null);
    this.#push(leaf.table.id, key, version);
    return null;
  }

  /** Fills in values that the stream left out: from the old row, or from the version before. The rest is in the snapshot. */
  #filled(leaf: Leaf, values: Version['values'], old: Tuple | null, from: string): Version {
    if (!values.includes(UNCHANGED)) return { values, base: from };
    const before = this.tables.get(leaf.table.id)?.get(from)?.at(-1);
    const filled = values.map((value, i) => {
      if (value !== UNCHANGED) return value;
      const logged = old?.get(leaf.names[i] ?? '');
      if (logged !== undefined && logged !== UNCHANGED) return logged;
      return before?.values[i] ?? (before?.values[i] === null ? null : UNCHANGED);
    });
    return { values: filled, base: before?.base ?? from };
  }

  #push(table: string, key: string, version: Version | null): void {
    const keys = this.tables.get(table) ?? new Map<string, History>();
    this.tables.set(table, keys);
    const history = keys.get(key);
    if (history !== undefined) history.push(version);
    else {
      keys.set(key, [version]);
      this.keys++;
    }
  }
}

/** The key's values as JSON; null if one is unknown. A TOASTed key value that did not change is in the old row. */
function keyOf(leaf: Leaf, tuple: Tuple, old: Tuple | null): string | null {
  const values = leaf.keyIndexes.map((i) => {
    const name = leaf.names[i] ?? '';
    const value = tuple.get(name);
    return value === UNCHANGED ? old?.get(name) : value;
  });
  return values.every((value) => typeof value === 'string') ? JSON.stringify(values) : null;
}
