import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { Overrun } from '../compare/deadline.ts';
import { PartSize } from '../compare/part-size.ts';
import type { Boundary } from '../compare/ranges.ts';
import { estimatedRows, type TablePair } from '../compare/table-pair.ts';
import { durationText } from '../units.ts';
import type { DigestedComparison, Part } from './part.ts';
import { type Copy, NotExact, type SnapshotPair } from './snapshot-pair.ts';
import { type Answer, TableProgress } from './table-progress.ts';
import { wasAltered } from './was-altered.ts';

/** What was found in one or more pairs of snapshots. */
export interface Outcome {
  /** By the source's id. */
  readonly tables: ReadonlyMap<string, Answer>;
  /** Tables that could not be compared in any attempt, and why. */
  readonly notExact: ReadonlyMap<string, NotExact>;
  /** Attempts at the table that needed most of them. */
  readonly attempts: number;
  /** Pairs of snapshots that were opened. */
  readonly windows: number;
  /** Parts in which the tables were compared. */
  readonly parts: number;
  /** From the first snapshot of the source to the last position that was watched; null if there was none. */
  readonly window: { readonly fromLsn: Lsn; readonly toLsn: Lsn; readonly durationMs: number } | null;
  /** Lifetime of the snapshot that lived longest. */
  readonly longestSnapshotMs: number;
  /** Keys that were written while a window was open. */
  readonly touchedKeys: number;
}

export interface PartsOptions {
  /** Attempts at each part: what disturbs one snapshot (DDL, a broken connection) need not disturb the next. */
  readonly maxAttempts: number;
  readonly snapshotBoundMs: number;
  readonly maxSettledKeys: number;
  /** Upper bound for one part, however fast it may be; undefined: as many rows as the time allows. */
  readonly mostRowsPerPart?: number | undefined;
  /** Parts that one pair of snapshots serves at most; undefined: as many as the time allows. */
  readonly partsPerSnapshot?: number | undefined;
  readonly signal: AbortSignal;
}

/** Compares tables in as many pairs of snapshots as their bound makes necessary; large tables in ranges of their keys. */
export async function compareInParts(
  tables: readonly Copy[],
  open: (tables: readonly Copy[]) => Promise<SnapshotPair>,
  options: PartsOptions,
): Promise<Outcome> {
  const run = new Run(tables, options);
  while (run.open.length > 0) {
    options.signal.throwIfAborted();
    await run.inSnapshots(open);
  }
  return run.outcome();
}

/** A part that was compared. It counts unless the end of the snapshots shows that its table was disturbed. */
interface ComparedPart {
  readonly progress: TableProgress;
  readonly comparison: DigestedComparison;
  readonly to: Boundary | null;
}

class Run {
  readonly #options: PartsOptions;
  readonly #all: readonly TableProgress[];
  readonly #partSize: PartSize;
  #windows = 0;
  #parts = 0;
  #touchedKeys = 0;
  #longestSnapshotMs = 0;
  #span: Outcome['window'] = null;

  constructor(tables: readonly Copy[], options: PartsOptions) {
    this.#options = options;
    this.#all = tables.map((copy) => new TableProgress(copy));
    this.#partSize = new PartSize(options.mostRowsPerPart);
  }

  get open(): readonly TableProgress[] {
    return this.#all.filter(({ isOpen }) => isOpen);
  }

  /** Opens one pair of snapshots and compares in it what its time allows. */
  async inSnapshots(openSnapshots: (tables: readonly Copy[]) => Promise<SnapshotPair>): Promise<void> {
    const { open } = this;
    const copies = open.map(({ copy }) => copy);
    this.#windows++;
    const startedMs = performance.now();
    try {
      await using snapshots = await openSnapshots(copies);
      const compared = await this.#compare(snapshots, open);
      const disturbed = await snapshots.end(copies);
      const ms = performance.now() - startedMs;
      this.#longestSnapshotMs = Math.max(this.#longestSnapshotMs, ms);
      this.#touchedKeys += snapshots.touchedKeys;
      const { fromLsn, toLsn } = snapshots;
      const durationMs = (this.#span?.durationMs ?? 0) + ms;
      this.#span = { fromLsn: this.#span?.fromLsn ?? fromLsn, toLsn, durationMs };
      this.#settle(compared, disturbed);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      const reason = error instanceof NotExact ? error : new NotExact(messageOf(error), { cause: error });
      for (const progress of open) {
        progress.withdrawAnswer();
        progress.failed(reason, this.#options.maxAttempts);
      }
    }
  }

  async #compare(snapshots: SnapshotPair, open: readonly TableProgress[]): Promise<readonly ComparedPart[]> {
    const compared: ComparedPart[] = [];
    const most = this.#options.partsPerSnapshot ?? Number.POSITIVE_INFINITY;
    const { deadline } = snapshots;
    for (const progress of open) {
      let { from } = progress;
      do {
        this.#options.signal.throwIfAborted();
        // The first part is always tried, however little time is left.
        const isLate = deadline.leftMs < deadline.boundMs / 4;
        if (compared.length > 0 && (isLate || compared.length >= most)) return compared;
        const part = await this.#comparePart(snapshots, progress, from);
        if (part === 'stop') return compared;
        if (part === 'failed') break;
        compared.push(part);
        from = part.to;
      } while (from !== null);
    }
    return compared;
  }

  /** @returns `failed`: go on with the next table; `stop`: nothing more can be read in these snapshots. */
  async #comparePart(
    snapshots: SnapshotPair,
    progress: TableProgress,
    from: Boundary | null,
  ): Promise<ComparedPart | 'failed' | 'stop'> {
    const rows = this.#partSize.rowsIn(snapshots.deadline.leftMs);
    let pair: TablePair;
    try {
      pair = snapshots.pair(progress.copy);
    } catch (error) {
      this.#failed(progress, error);
      return 'failed';
    }
    try {
      const part = await this.#plan(snapshots, pair, progress, { from, rows });
      const startedMs = performance.now();
      const comparison = await snapshots.compare(pair, part);
      this.#parts++;
      const compared = Math.max(comparison.sourceRows, comparison.sinkRows);
      this.#partSize.measured(compared, performance.now() - startedMs);
      return { progress, comparison, to: part.range.to };
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (error instanceof Overrun) this.#tookTooLong(progress, pair, rows);
      else this.#failed(progress, error);
      // PostgreSQL accepts no further statement in a transaction in which one has failed.
      return 'stop';
    }
  }

  #failed(progress: TableProgress, error: unknown): void {
    const reason = wasAltered(error)
      ? new NotExact(`${progress.copy.id} was altered meanwhile`, { cause: error })
      : error;
    if (reason instanceof NotExact) progress.failed(reason, this.#options.maxAttempts);
    else progress.unreadable(reason);
  }

  async #plan(
    snapshots: SnapshotPair,
    pair: TablePair,
    progress: TableProgress,
    { from, rows }: { from: Boundary | null; rows: number },
  ): Promise<Part> {
    const estimate = estimatedRows(pair);
    const isSmall = estimate > 0 && estimate <= rows && !progress.isTooLong;
    if (pair.key.length === 0 || (from === null && isSmall))
      return { range: { from, to: null }, rows: estimate };
    const to = await snapshots.boundaryAfter(pair, from, rows);
    return { range: { from, to }, rows: to === null && estimate > 0 ? estimate : rows };
  }

  #tookTooLong(progress: TableProgress, pair: TablePair, rows: number): void {
    const { snapshotBoundMs } = this.#options;
    const bound = `the ${durationText(snapshotBoundMs)} that a snapshot may live`;
    const { id } = progress.copy;
    if (pair.key.length === 0) {
      const why = `${id} took longer than ${bound}, and without a primary key it cannot be compared in parts`;
      progress.tookTooLong(new NotExact(why));
      return;
    }
    const estimate = estimatedRows(pair);
    const tried = estimate > 0 ? Math.min(rows, estimate) : rows;
    const canShrink = this.#partSize.shrink(tried, snapshotBoundMs);
    const why = `comparing only ${tried} rows of ${id} took longer than ${bound}`;
    progress.tookTooLong(canShrink ? null : new NotExact(why));
  }

  #settle(compared: readonly ComparedPart[], disturbed: ReadonlyMap<string, NotExact>): void {
    const failed = new Set<TableProgress>();
    for (const { progress, comparison, to } of compared) {
      const reason = disturbed.get(progress.copy.id);
      if (reason === undefined) progress.compared(comparison, to, this.#options.maxSettledKeys);
      // A disturbed window counts as one failed attempt, however many parts of the table it had.
      else if (!failed.has(progress)) {
        progress.failed(reason, this.#options.maxAttempts);
        failed.add(progress);
      }
    }
  }

  outcome(): Outcome {
    const tables = new Map<string, Answer>();
    const notExact = new Map<string, NotExact>();
    for (const { copy, answer, reason } of this.#all) {
      if (answer !== null) tables.set(copy.id, answer);
      else if (reason !== null) notExact.set(copy.id, reason);
    }
    return {
      tables,
      notExact,
      attempts: Math.max(0, ...this.#all.map(({ attempts }) => attempts)),
      windows: this.#windows,
      parts: this.#parts,
      window: this.#span,
      longestSnapshotMs: this.#longestSnapshotMs,
      touchedKeys: this.#touchedKeys,
    };
  }
}
