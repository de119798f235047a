import { type Message, type Tuple, UNCHANGED } from '../exact/test-decoding.ts';
import { countText } from '../units.ts';
import { hiddenIn } from './hidden.ts';

/** A table whose changes one side's stream tells. */
export interface FollowedTable {
  /** The id of the source's table, on both sides. */
  readonly id: string;
  /** Names of the key's columns on this side, in the order of the source's key. */
  readonly key: readonly string[];
  /** The tables that hold its rows, as the stream names them. */
  readonly leaves: readonly string[];
  /** Rows that it had when the stream began. */
  readonly rows: number;
}

/** What was written since the last time that this was asked. */
export interface Taken {
  /** Keys by the table's id, each as the JSON array of its values in the stream. */
  readonly keys: ReadonlyMap<string, ReadonlySet<string>>;
  /** Tables about which the stream is incomplete, and why. */
  readonly lost: ReadonlyMap<string, string>;
  /** Transactions (32 bits of the xid) that wrote them. */
  readonly xids: ReadonlySet<string>;
}

/** Above so many transactions, those that are visible are dropped: an hour without a verification may see millions. */
const MANY_XIDS = 10_000;

/**
 * Collects the keys that one side's transactions wrote, and nothing else of them: memory holds a text for each key that
 * was written since {@link take}. Beyond a limit a table's keys are dropped, and the table counts as lost.
 */
export class ChangedKeys {
  /** By leaf: two tables may hold the same rows, such as a copy and another one that inherits from it. */
  readonly #tables: ReadonlyMap<string, readonly FollowedTable[]>;
  readonly #mostKeys: number;
  readonly #rows: Map<string, number>;
  #keys = new Map<string, Set<string>>();
  #lost = new Map<string, string>();
  #xids = new Set<string>();

  constructor(tables: readonly FollowedTable[], mostKeys: number) {
    this.#mostKeys = mostKeys;
    this.#rows = new Map(tables.map(({ id, rows }) => [id, rows]));
    const byLeaf = Map.groupBy(
      tables.flatMap((table) => table.leaves.map((leaf) => ({ leaf, table }))),
      ({ leaf }) => leaf,
    );
    this.#tables = new Map([...byLeaf].map(([leaf, all]) => [leaf, all.map(({ table }) => table)]));
  }

  /** Rows of the table after everything that was added. */
  rowsOf(id: string): number {
    return this.#rows.get(id) ?? 0;
  }

  add(message: Message): void {
    switch (message.tag) {
      case 'begin':
        if (message.xid !== undefined) this.#xids.add(message.xid);
        return;
      case 'truncate':
        for (const leaf of message.tables) {
          for (const { id } of this.#tables.get(leaf) ?? []) this.#lose(id, 'it was truncated');
        }
        return;
      case 'change':
        for (const table of this.#tables.get(message.table) ?? []) this.#change(table, message);
        return;
    }
  }

  get hasManyXids(): boolean {
    return this.#xids.size > MANY_XIDS;
  }

  /** @param snapshot As `pg_current_snapshot()` prints it. */
  dropVisible(snapshot: string): void {
    this.#xids = new Set(hiddenIn(snapshot, this.#xids));
  }

  /** Hands over what was collected; what comes next goes into an empty collection. */
  take(): Taken {
    const taken = { keys: this.#keys, lost: this.#lost, xids: this.#xids };
    this.#keys = new Map();
    this.#lost = new Map();
    this.#xids = new Set();
    return taken;
  }

  #change({ id, key }: FollowedTable, { op, old, new: after }: Extract<Message, { tag: 'change' }>): void {
    if (op !== 'UPDATE') this.#rows.set(id, this.rowsOf(id) + (op === 'INSERT' ? 1 : -1));
    const [before, now] = [keyIn(old, null, key), keyIn(after, old, key)];
    const isKnown = op === 'DELETE' ? before !== null : now !== null;
    if (!isKnown) this.#lose(id, 'a written row has no key in the stream');
    for (const text of [before, now]) if (text !== null) this.#push(id, text);
  }

  #push(id: string, text: string): void {
    if (this.#lost.has(id)) return;
    const keys = this.#keys.get(id) ?? new Set();
    this.#keys.set(id, keys.add(text));
    if (keys.size > this.#mostKeys)
      this.#lose(id, `more than ${countText(this.#mostKeys)} keys were written`);
  }

  #lose(id: string, why: string): void {
    this.#keys.delete(id);
    this.#lost.set(id, why);
  }
}

/** Null if the tuple lacks a value of the key. A TOASTed key value that did not change is in the old row. */
function keyIn(tuple: Tuple | null, old: Tuple | null, key: readonly string[]): string | null {
  if (tuple === null) return null;
  const values = key.map((name) => {
    const value = tuple.get(name);
    return value === UNCHANGED ? old?.get(name) : value;
  });
  return values.every((value) => typeof value === 'string') ? JSON.stringify(values) : null;
}
