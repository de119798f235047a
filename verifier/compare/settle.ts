import type { Lsn } from '../../pipeline/contract/lsn.ts';
import type { Database } from '../connection/postgres.ts';
import { writtenLsn } from '../connection/written-lsn.ts';
import type { PassFence } from '../observe/fence.ts';
import { ABSENT, type KeyState, readKeys } from './read-keys.ts';
import type { TablePair } from './table-pair.ts';

export type WrongClass = 'missing' | 'extra' | 'stale' | 'corrupted' | 'duplicate';

/**
 * When a key had a state, in positions of the source's WAL: the state contains every commit of the key before `from`, and
 * none from `to` on. The two are equal if nobody wrote the key meanwhile.
 */
export interface StateSpan {
  readonly from: Lsn;
  readonly to: Lsn;
}

/** A key for which the sink is wrong beyond doubt. */
export interface WrongRow {
  readonly keyText: string;
  readonly class: WrongClass;
  /** Surplus or missing rows; 1 for a stale or corrupted row. */
  readonly count: number;
  /** Columns that differ; empty if a whole row is missing or surplus. */
  readonly columns: readonly string[];
  readonly source: KeyState;
  readonly sink: KeyState;
  /** When the key had the state `source`; null if nobody was expected to write, so that any position will do. */
  readonly span: StateSpan | null;
}

export interface Settled {
  readonly wrong: readonly WrongRow[];
  /** Keys that still changed in the last round: neither right nor wrong. */
  readonly inFlight: readonly string[];
  /** Why the rounds ended early; null if they did not. */
  readonly stopped: 'sync-in-progress' | 'no-evidence' | null;
}

const KEYS_PER_QUERY = 250;

/** A table, and the keys that its scan found to differ. */
export interface Suspected {
  readonly pair: TablePair;
  readonly suspects: readonly string[];
}

interface Options {
  readonly rounds: number;
  readonly passFence: PassFence;
  readonly versionColumn: string;
}

/**
 * Judges suspects one by one while writes go on. A key is read at the source; the fence is passed; the key is read in the
 * sink and once more at the source. The sink is right if it equals either reading of the source. Otherwise it is wrong if
 * the source did not change in between; if it did, the key goes into the next round. All tables share a round's fence.
 * @returns one answer per table, in their order: an error if its rows could not be read.
 */
export async function settle(
  source: Database,
  sink: Database,
  tables: readonly Suspected[],
  options: Options,
): Promise<readonly (Settled | Error)[]> {
  const open = tables.map(({ pair, suspects }) => new SuspectedTable(pair, suspects));
  for (let round = 0; round < options.rounds; round++) {
    const pending = open.filter((table) => table.pending.length > 0 && table.failure === null);
    if (pending.length === 0) break;
    for (const table of pending) await table.guard(() => table.stamp(source));
    const fence = await options.passFence();
    if (fence !== 'passed') {
      for (const table of pending) table.stopped = fence;
      break;
    }
    for (const table of pending) await table.guard(() => table.judge(source, sink, options.versionColumn));
  }
  return open.map((table) => table.failure ?? table.result());
}

/** The suspects of one table from round to round. */
class SuspectedTable {
  readonly #pair: TablePair;
  readonly #wrong: WrongRow[] = [];
  #before = new Map<string, Stamp>();
  /** Behind what the first reading of the source saw, and before the second. */
  #readAt: Lsn | null = null;
  pending: readonly string[];
  stopped: Settled['stopped'] = null;
  failure: Error | null = null;

  constructor(pair: TablePair, suspects: readonly string[]) {
    this.#pair = pair;
    this.pending = suspects;
  }

  /** Keeps a failure to this table: the other tables are still settled. */
  async guard(work: () => Promise<void>): Promise<void> {
    if (this.failure !== null) return;
    try {
      await work();
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  async stamp(source: Database): Promise<void> {
    this.#before = new Map();
    for (const keys of batches(this.pending)) {
      const states = await readKeys(source, this.#pair, 'source', keys);
      for (const key of keys) this.#before.set(key, stampOf(states.get(key) ?? ABSENT));
    }
    this.#readAt = await writtenLsn(source);
  }

  async judge(source: Database, sink: Database, versionColumn: string): Promise<void> {
    const next: string[] = [];
    const span = this.#readAt === null ? null : { from: this.#readAt, to: this.#readAt };
    for (const keys of batches(this.pending)) {
      const theirs = await readKeys(sink, this.#pair, 'sink', keys);
      const ours = await readKeys(source, this.#pair, 'source', keys);
      for (const key of keys) {
        const now = ours.get(key) ?? ABSENT;
        const copy = theirs.get(key) ?? ABSENT;
        const before = this.#before.get(key) ?? stampOf(ABSENT);
        const isEarlier = before.rows === copy.rows && before.digests.includes(copy.digests.join());
        if (sameImages(now, copy) || isEarlier) continue;
        if (stampOf(now).stamp !== before.stamp) next.push(key);
        else
          this.#wrong.push(
            ...judge(this.#pair, key, now, copy, versionColumn).map((row) => ({ ...row, span })),
          );
      }
    }
    this.pending = next;
  }

  result(): Settled {
    return { wrong: this.#wrong, inFlight: this.pending, stopped: this.stopped };
  }
}

interface Stamp {
  readonly rows: number;
  readonly stamp: string;
  /** Of the rows as they must be in the sink, and as they may be. */
  readonly digests: readonly string[];
}
function stampOf(state: KeyState): Stamp {
  return { rows: state.rows, stamp: `${state.rows}:${state.stamp}`, digests: digestsOf(state) };
}

function digestsOf({ digests, unchanged }: KeyState): readonly string[] {
  return unchanged.length === 0 ? [digests.join()] : [digests.join(), unchanged.join()];
}

function sameImages(source: KeyState, sink: KeyState): boolean {
  return source.rows === sink.rows && digestsOf(source).includes(sink.digests.join());
}

function* batches(keys: readonly string[]): Generator<readonly string[]> {
  for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) yield keys.slice(i, i + KEYS_PER_QUERY);
}

/** Says what is wrong with a key whose source row did not change while the fence was passed. The span is left open. */
export function judge(
  pair: TablePair,
  keyText: string,
  source: KeyState,
  sink: KeyState,
  versionColumn: string,
): WrongRow[] {
  const row = { keyText, source, sink, columns: [], span: null };
  if (source.rows > sink.rows && (sink.rows === 0 || pair.key.length === 0)) {
    return [{ ...row, class: 'missing', count: source.rows - sink.rows }];
  }
  if (source.rows === 0) return [{ ...row, class: 'extra', count: sink.rows }];
  const found: WrongRow[] = [];
  if (sink.rows > source.rows) found.push({ ...row, class: 'duplicate', count: sink.rows - source.rows });
  const right = sink.digests.some(
    (digest) => source.digests.includes(digest) || source.unchanged.includes(digest),
  );
  if (!right) {
    const columns = differingColumns(pair, source, sink);
    found.push({
      ...row,
      columns,
      class: staleOrCorrupted(pair, columns, source, sink, versionColumn),
      count: 1,
    });
  }
  return found;
}

function differingColumns(pair: TablePair, source: KeyState, sink: KeyState): string[] {
  return pair.columns
    .filter((_, i) => source.image?.[i] !== sink.image?.[i])
    .map((column) => column.source.name);
}

/**
 * Stale: the sink has an older version. Corrupted: it has the same version with other values, or lacks a column. Without
 * a version column the row counts as corrupted until the topic decides (`verification/attribute.ts`).
 */
function staleOrCorrupted(
  pair: TablePair,
  columns: readonly string[],
  source: KeyState,
  sink: KeyState,
  versionColumn: string,
): 'stale' | 'corrupted' {
  const absent = pair.columns.filter((column) => column.types === 'absent').map((c) => c.source.name);
  if (columns.every((name) => absent.includes(name))) return 'corrupted';
  const at = pair.columns.findIndex((column) => column.source.name === versionColumn);
  const ours = integer(source.image?.[at]);
  const theirs = integer(sink.image?.[at]);
  return ours !== undefined && theirs !== undefined && theirs < ours ? 'stale' : 'corrupted';
}

function integer(text: string | null | undefined): bigint | undefined {
  return text !== null && text !== undefined && /^-?\d+$/.test(text) ? BigInt(text) : undefined;
}
