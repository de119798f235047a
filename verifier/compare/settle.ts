import type { Database } from '../connection/postgres.ts';
import type { PassFence } from '../observe/fence.ts';
import { ABSENT, type KeyState, readKeys } from './read-keys.ts';
import type { TablePair } from './table-pair.ts';

export type WrongClass = 'missing' | 'extra' | 'stale' | 'corrupted' | 'duplicate';

/** A key of which it is settled that the sink is wrong. */
export interface WrongRow {
  readonly keyText: string;
  readonly class: WrongClass;
  /** Rows too many or too few; 1 for a stale or corrupted row. */
  readonly count: number;
  /** Columns that differ; empty for whole rows. */
  readonly columns: readonly string[];
  readonly source: KeyState;
  readonly sink: KeyState;
}

export interface Settled {
  readonly wrong: readonly WrongRow[];
  /** Keys still changing after the last round: neither right nor wrong. */
  readonly inFlight: readonly string[];
  /** Why the rounds ended early; null where they did not. */
  readonly stopped: 'sync-in-progress' | 'no-evidence' | null;
}

const KEYS_PER_QUERY = 250;

/** A table with the keys that its scan found to differ. */
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
 * Judges suspects one by one, while writes go on. A key is read at the source, then a fence is passed, then it is read
 * in the sink and again at the source. Where the source did not change in between, the sink must hold just that; where
 * it did, and the sink shows neither image, the key goes into the next round. All tables share each round's fence.
 * @returns one answer per table, in their order: an error where its rows could not be read.
 */
export async function settle(
  source: Database,
  sink: Database,
  tables: readonly Suspected[],
  options: Options,
): Promise<readonly (Settled | Error)[]> {
  const open = tables.map(({ pair, suspects }) => new TableUnderWay(pair, suspects));
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

/** One table's suspects from round to round. */
class TableUnderWay {
  readonly #pair: TablePair;
  readonly #wrong: WrongRow[] = [];
  #before = new Map<string, Stamp>();
  pending: readonly string[];
  stopped: Settled['stopped'] = null;
  failure: Error | null = null;

  constructor(pair: TablePair, suspects: readonly string[]) {
    this.#pair = pair;
    this.pending = suspects;
  }

  /** Another table is settled whatever happens to this one. */
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
  }

  async judge(source: Database, sink: Database, versionColumn: string): Promise<void> {
    const next: string[] = [];
    for (const keys of batches(this.pending)) {
      const theirs = await readKeys(sink, this.#pair, 'sink', keys);
      const ours = await readKeys(source, this.#pair, 'source', keys);
      for (const key of keys) {
        const now = ours.get(key) ?? ABSENT;
        const copy = theirs.get(key) ?? ABSENT;
        const before = this.#before.get(key) ?? stampOf(ABSENT);
        if (sameImages(now, copy) || (before.rows === copy.rows && before.digests === copy.digests.join()))
          continue;
        if (stampOf(now).stamp !== before.stamp) next.push(key);
        else this.#wrong.push(...judge(this.#pair, key, now, copy, versionColumn));
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
  readonly digests: string;
}
function stampOf(state: KeyState): Stamp {
  return { rows: state.rows, stamp: `${state.rows}:${state.stamp}`, digests: state.digests.join() };
}

function sameImages(a: KeyState, b: KeyState): boolean {
  return a.rows === b.rows && a.digests.join() === b.digests.join();
}

function* batches(keys: readonly string[]): Generator<readonly string[]> {
  for (let i = 0; i < keys.length; i += KEYS_PER_QUERY) yield keys.slice(i, i + KEYS_PER_QUERY);
}

/** What is wrong with a key whose source row stood still while the fence was passed. */
export function judge(
  pair: TablePair,
  keyText: string,
  source: KeyState,
  sink: KeyState,
  versionColumn: string,
): WrongRow[] {
  const row = { keyText, source, sink, columns: [] };
  if (source.rows > sink.rows && (sink.rows === 0 || pair.key.length === 0)) {
    return [{ ...row, class: 'missing', count: source.rows - sink.rows }];
  }
  if (source.rows === 0) return [{ ...row, class: 'extra', count: sink.rows }];
  const found: WrongRow[] = [];
  if (sink.rows > source.rows) found.push({ ...row, class: 'duplicate', count: sink.rows - source.rows });
  const right = sink.digests.some((digest) => source.digests.includes(digest));
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
 * Stale: the sink's version is an older one. The same version with other values, or a column that the sink does not
 * have, is corrupted. Without a version column the topic decides later (`attribute.ts`); until then corrupted.
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
