import { setTimeout as pause } from 'node:timers/promises';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { Deadline } from '../compare/deadline.ts';
import { type Boundary, boundaryAfter } from '../compare/ranges.ts';
import { pairTables, type TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import type { Databases } from '../observe/connections.ts';
import { readCatalogue, type Table } from '../observe/source/catalogue.ts';
import { mustBeComparable } from './comparable-servers.ts';
import { compareInParts, type Outcome } from './compare-in-parts.ts';
import { comparePart } from './compare-part.ts';
import type { DigestedComparison, Part, Sums } from './part.ts';
import { beginBounded, type Copy, copyOf, NotExact, type SnapshotPair } from './snapshot-pair.ts';
import type { Answer } from './table-progress.ts';

export interface StillOptions {
  readonly maxSettledKeys: number;
  readonly versionColumn: string;
  readonly snapshotBoundMs: number;
  readonly mostRowsPerPart?: number | undefined;
  /** Time between two reads that must be equal. Zero: a single read counts, for databases that nobody writes to. */
  readonly quietMs: number;
  /** No further read begins after this time, on the clock of `performance.now()`. */
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal;
}

export interface StillOutcome extends Pick<Outcome, 'windows' | 'parts' | 'longestSnapshotMs'> {
  readonly answers: ReadonlyMap<string, Answer>;
}

/**
 * Compares tables that nobody writes to. It needs no privilege but SELECT. A table's answer counts only if two reads,
 * `quietMs` apart, found the same on both sides. A table that keeps changing ends as {@link NotExact}.
 * @param databases Asked again for each pair of snapshots: a table that cannot be read may cost its connection, and must
 *   not cost the other tables theirs. Nobody else may use the connections meanwhile.
 */
export async function compareStill(
  tables: readonly Copy[],
  databases: Databases,
  options: StillOptions,
): Promise<StillOutcome> {
  const { quietMs, signal } = options;
  await mustBeComparable(await databases.source(), await databases.sink());
  const tally = { windows: 0, parts: 0, longestSnapshotMs: 0 };
  const read = async (open: readonly Copy[]): Promise<ReadonlyMap<string, Answer>> => {
    const outcome = await compareInParts(open, () => StillSnapshots.open(databases, options), {
      ...options,
      maxAttempts: 1,
    });
    tally.windows += outcome.windows;
    tally.parts += outcome.parts;
    tally.longestSnapshotMs = Math.max(tally.longestSnapshotMs, outcome.longestSnapshotMs);
    return new Map<string, Answer>([...outcome.tables, ...outcome.notExact]);
  };
  const done = new Map<string, Answer>();
  let before = await read(tables);
  if (quietMs === 0) return { ...tally, answers: before };
  for (let open = tables; open.length > 0; ) {
    await pause(quietMs, undefined, { signal });
    const now = await read(open);
    for (const { id } of open) done.set(id, confirmed(before.get(id), now.get(id)));
    open = open.filter(({ id }) => done.get(id) instanceof NotExact);
    before = now;
    if (performance.now() + quietMs >= options.deadlineAtMs) break;
  }
  return { ...tally, answers: done };
}

/** The second answer if both reads found the same rows, otherwise why it does not count. */
function confirmed(before: Answer | undefined, now: Answer | undefined): Answer {
  if (now === undefined || now instanceof Error) return now ?? new Error('it was not read');
  if (before === undefined || before instanceof Error) return new NotExact('it was read only once');
  const isSame = (side: 'source' | 'sink'): boolean => equal(before.digests[side], now.digests[side]);
  if (isSame('source') && isSame('sink')) return now;
  const changed = isSame('source') ? 'the sink' : 'the source';
  return new NotExact(`${changed} was written to between two reads`);
}

function equal(a: Sums, b: Sums): boolean {
  return a.rows === b.rows && a.sum === b.sum;
}

/** A snapshot of each side, taken while nobody is expected to write: changes in between are not watched. */
class StillSnapshots implements SnapshotPair {
  readonly fromLsn = 0n as Lsn;
  readonly toLsn = 0n as Lsn;
  readonly touchedKeys = 0;
  readonly deadline: Deadline;
  readonly #databases: { readonly source: Database; readonly sink: Database; readonly control: Database };
  readonly #options: StillOptions;
  readonly #ours: ReadonlyMap<string, Table>;
  readonly #theirs: ReadonlyMap<string, Table>;

  private constructor(
    [source, sink]: readonly [Database, Database],
    [ours, theirs]: readonly [ReadonlyMap<string, Table>, ReadonlyMap<string, Table>],
    deadline: Deadline,
    options: StillOptions,
  ) {
    this.#databases = { source, sink, control: source };
    this.#ours = ours;
    this.#theirs = theirs;
    this.deadline = deadline;
    this.#options = options;
  }

  static async open(databases: Databases, options: StillOptions): Promise<StillSnapshots> {
    const [source, sink] = [await databases.source(), await databases.sink()];
    const deadline = new Deadline(options.snapshotBoundMs);
    await Promise.all([source, sink].map((one) => beginBounded(one, options.snapshotBoundMs)));
    const catalogues = await Promise.all([readCatalogue(source), readCatalogue(sink)]);
    return new StillSnapshots([source, sink], catalogues, deadline, options);
  }

  pair(table: Copy): TablePair {
    const ours = this.#ours.get(table.id);
    if (ours === undefined) throw new Error(`${table.id} is not in the source`);
    return pairTables(ours, copyOf(table, this.#theirs));
  }

  async boundaryAfter(pair: TablePair, from: Boundary | null, rows: number): Promise<Boundary | null> {
    const { source, sink } = this.#databases;
    await this.deadline.arm(source, sink);
    try {
      return await boundaryAfter(this.#databases, pair, from, rows);
    } catch (error) {
      throw this.deadline.explain(error);
    }
  }

  async compare(pair: TablePair, part: Part): Promise<DigestedComparison> {
    const options = { ...this.#options, deadline: this.deadline, span: null };
    return await comparePart(this.#databases, pair, new Map(), options, part);
  }

  async end(): Promise<ReadonlyMap<string, NotExact>> {
    await this[Symbol.asyncDispose]();
    return new Map();
  }

  /**
   * Ends both transactions, which are read-only: there is nothing to keep, and a broken connection has no transaction
   * left. If one side failed while the other is still in a statement, that statement is useless: its connection is
   * closed, so that nobody waits for it.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const { source, sink } = this.#databases;
    const end = async (one: Database): Promise<void> => {
      if (one.isBusy) await one[Symbol.asyncDispose]();
      else await one.query('ROLLBACK').catch(() => undefined);
    };
    await Promise.all([end(source), end(sink)]);
  }
}
