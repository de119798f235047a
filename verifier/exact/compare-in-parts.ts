import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { Overrun, Pace } from '../compare/part-size.ts';
import type { Boundary } from '../compare/ranges.ts';
import type { TablePair } from '../compare/table-pair.ts';
import { type DigestedComparison, estimatedRows, joinParts, type Part } from './compare-part.ts';
import { type Copy, NotExact, type Snapshot } from './exact-window.ts';

/** A comparison, or why the table could not be read. */
export type Answer = DigestedComparison | Error;

/** What was found in one or more pairs of snapshots. */
export interface Outcome {
  /** By the source's id. */
  readonly tables: ReadonlyMap<string, Answer>;
  /** Tables that could not be compared in any attempt, and why. */
  readonly notExact: ReadonlyMap<string, NotExact>;
  /** Of the table that needed most. */
  readonly attempts: number;
  /** Pairs of snapshots that were opened. */
  readonly windows: number;
  /** Parts in which the tables were compared. */
  readonly parts: number;
  /** From the first snapshot of the source to the last position that was watched; null where there was none. */
  readonly window: { readonly fromLsn: Lsn; readonly toLsn: Lsn; readonly durationMs: number } | null;
  /** How long the snapshot lived that lived longest. */
  readonly longestSnapshotMs: number;
  /** Keys that were written while a window was open. */
  readonly touchedKeys: number;
}

export interface PartOptions {
  /** What disturbs one snapshot (DDL, a broken connection) need not disturb the next: so often each part is tried. */
  readonly maxAttempts: number;
  readonly snapshotBoundMs: number;
  readonly maxSettledKeys: number;
  /** Of a part, however quick it may be; undefined: as many as the time allows. */
  readonly mostRowsPerPart?: number | undefined;
  /** Parts for which one pair of snapshots is kept; undefined: as many as the time allows. */
  readonly partsPerSnapshot?: number | undefined;
  readonly signal: AbortSignal;
}

/** Compares tables in as many pairs of snapshots as their bound makes necessary; large ones in ranges of their keys. */
export async function compareInParts(
  tables: readonly Copy[],
  open: (tables: readonly Copy[]) => Promise<Snapshot>,
  options: PartOptions,
): Promise<Outcome> {
  const run = new Run(tables, options);
  while (run.open.length > 0) {
    options.signal.throwIfAborted();
    await run.snapshot(open);
  }
  return run.outcome();
}

/** How far one table is. */
class Progress {
  readonly copy: Copy;
  /** Keys before this are done. */
  from: Boundary | null = null;
  /** Of the part in hand: attempts that came to nothing. */
  failures = 0;
  attempts = 1;
  /** It did not fit into a snapshot's time, whatever the planner's estimate says. */
  tooLong = false;
  sofar: DigestedComparison | null = null;
  answer: Answer | null = null;
  reason: NotExact | null = null;

  constructor(copy: Copy) {
    this.copy = copy;
  }
}

/** A part that was compared in a window, and counts if nothing disturbed that. */
interface Compared {
  readonly progress: Progress;
  readonly comparison: DigestedComparison;
  readonly to: Boundary | null;
}

class Run {
  readonly #options: PartOptions;
  readonly #all: readonly Progress[];
  readonly #pace: Pace;
  #windows = 0;
  #parts = 0;
  #touchedKeys = 0;
  #longestSnapshotMs = 0;
  #span: Outcome['window'] = null;

  constructor(tables: readonly Copy[], options: PartOptions) {
    this.#options = options;
    this.#all = tables.map((copy) => new Progress(copy));
    this.#pace = new Pace(options.mostRowsPerPart);
  }

  get open(): readonly Progress[] {
    return this.#all.filter(({ answer, reason }) => answer === null && reason === null);
  }

  /** One pair of snapshots, and what can be compared in its time. */
  async snapshot(openSnapshot: (tables: readonly Copy[]) => Promise<Snapshot>): Promise<void> {
    const open = this.open;
    const copies = open.map(({ copy }) => copy);
    this.#windows++;
    const startedMs = performance.now();
    try {
      await using snapshot = await openSnapshot(copies);
      const compared = await this.#compare(snapshot, open);
      const moved = await snapshot.end(copies);
      const ms = performance.now() - startedMs;
      this.#longestSnapshotMs = Math.max(this.#longestSnapshotMs, ms);
      this.#touchedKeys += snapshot.touchedKeys;
      const { fromLsn, toLsn } = snapshot;
      const durationMs = (this.#span?.durationMs ?? 0) + ms;
      this.#span = { fromLsn: this.#span?.fromLsn ?? fromLsn, toLsn, durationMs };
      this.#settle(compared, moved);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      const reason = error instanceof NotExact ? error : new NotExact(messageOf(error), { cause: error });
      for (const progress of open) {
        // What was said in a snapshot that broke does not hold either.
        progress.answer = null;
        if (progress.reason === null) this.#failed(progress, reason);
      }
    }
  }

  async #compare(snapshot: Snapshot, open: readonly Progress[]): Promise<readonly Compared[]> {
    const compared: Compared[] = [];
    const most = this.#options.partsPerSnapshot ?? Number.POSITIVE_INFINITY;
    const { deadline } = snapshot;
    for (const progress of open) {
      let { from } = progress;
      do {
        this.#options.signal.throwIfAborted();
        // The first part has its chance, however late it is.
        const isLate = deadline.leftMs < deadline.boundMs / 4;
        if (compared.length > 0 && (isLate || compared.length >= most)) return compared;
        const own = await this.#part(snapshot, progress, from);
        if (own === null) return compared;
        if (own === 'failed') break;
        compared.push(own);
        from = own.to;
      } while (from !== null);
    }
    return compared;
  }

  /** @returns null: nothing more can be read in these snapshots. */
  async #part(
    window: Snapshot,
    progress: Progress,
    from: Boundary | null,
  ): Promise<Compared | 'failed' | null> {
    const rows = this.#pace.rowsIn(window.deadline.leftMs);
    let pair: TablePair;
    try {
      pair = window.pair(progress.copy);
    } catch (error) {
      this.#unread(progress, error);
      return 'failed';
    }
    try {
      const part = await this.#plan(window, pair, progress, { from, rows });
      const startedMs = performance.now();
      const comparison = await window.compare(pair, part);
      this.#parts++;
      this.#pace.took(Math.max(comparison.sourceRows, comparison.sinkRows), performance.now() - startedMs);
      return { progress, comparison, to: part.range.to };
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (error instanceof Overrun) this.#tooLong(progress, pair, rows);
      else this.#unread(progress, error);
      // A transaction in which a statement failed takes no other.
      return null;
    }
  }

  #unread(progress: Progress, error: unknown): void {
    if (error instanceof NotExact) this.#failed(progress, error);
    else progress.answer = error instanceof Error ? error : new Error(String(error));
  }

  async #plan(
    window: Snapshot,
    pair: TablePair,
    progress: Progress,
    { from, rows }: { from: Boundary | null; rows: number },
  ): Promise<Part> {
    const estimate = estimatedRows(pair);
    const isSmall = estimate > 0 && estimate <= rows && !progress.tooLong;
    if (pair.key.length === 0 || (from === null && isSmall))
      return { range: { from, to: null }, rows: estimate };
    const to = await window.boundaryAfter(pair, from, rows);
    return { range: { from, to }, rows: to === null && estimate > 0 ? estimate : rows };
  }

  #tooLong(progress: Progress, pair: TablePair, rows: number): void {
    progress.tooLong = true;
    const { snapshotBoundMs } = this.#options;
    const within = `the ${snapshotBoundMs} ms that a snapshot may live`;
    const { id } = progress.copy;
    if (pair.key.length === 0) {
      progress.reason = new NotExact(
        `${id} took longer than ${within}, and has no primary key to part it by`,
      );
      return;
    }
    const estimate = estimatedRows(pair);
    const tried = estimate > 0 ? Math.min(rows, estimate) : rows;
    if (this.#pace.shrink(tried, snapshotBoundMs)) return;
    progress.reason = new NotExact(`not even ${tried} rows of ${id} could be compared within ${within}`);
  }

  #failed(progress: Progress, reason: NotExact): void {
    progress.failures++;
    if (!reason.mayPass || progress.failures >= this.#options.maxAttempts) progress.reason = reason;
    else progress.attempts = Math.max(progress.attempts, progress.failures + 1);
  }

  #settle(compared: readonly Compared[], moved: ReadonlyMap<string, NotExact>): void {
    const disturbed = new Set<Progress>();
    for (const { progress, comparison, to } of compared) {
      const reason = moved.get(progress.copy.id);
      if (reason !== undefined) {
        if (!disturbed.has(progress) && progress.reason === null) this.#failed(progress, reason);
        disturbed.add(progress);
        continue;
      }
      progress.failures = 0;
      progress.sofar =
        progress.sofar === null
          ? comparison
          : joinParts(progress.sofar, comparison, this.#options.maxSettledKeys);
      progress.from = to;
      if (to === null) progress.answer = progress.sofar;
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
