import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { Deadline, Overrun } from '../compare/deadline.ts';
import { PartSize } from '../compare/part-size.ts';
import type { Boundary } from '../compare/ranges.ts';
import { scanFrom } from '../compare/scan-table.ts';
import { pairTables } from '../compare/table-pair.ts';
import type { Databases } from '../observe/connections.ts';
import { durationText } from '../units.ts';
import type { Followable } from './followed-tables.ts';

interface ScanOptions {
  /** Every row is scanned once in this time, if the share allows it. */
  readonly scanEveryMs: number;
  /** Share of the time that the scan may take, 0 to 1. */
  readonly scanShare: number;
  /** Rows of the larger side. */
  readonly rowsOf: (id: string) => number;
  readonly signal: AbortSignal;
}

/** A part is planned to take about half of this, so that it disturbs neither the servers nor a verification. */
const PART_BOUND_MS = 500;
/** Keys of one part that are named. A part with more of them differs as a whole, and is scanned again. */
const MOST_SUSPECTS = 5_000;
/** The scan is planned to be done a little before its period ends. */
const PLANNED = 0.9;
const IDLE_MS = 250;
/** Pause after a part that could not be scanned. */
const AFTER_PROBLEM_MS = 5_000;

/** So many rows differ that the table must be compared whole. */
class TooManyDiffer extends Error {}

/** How far the scan of one table is. */
interface Walk {
  readonly table: Followable;
  readonly size: PartSize;
  from: Boundary | null;
  /** When the walk that is under way began, as a time of day. */
  beganAtMs: number;
  /** The same by the monotonic clock: a clock that is set back must not delay the next walk. */
  begunMs: number;
  /** When the last walk that came to the end began: every row was scanned since. */
  wholeAtMs: number | null;
  /** When the next walk is to begin, by the monotonic clock. */
  dueMs: number;
  /** Why the last part could not be scanned. */
  problem: string | null;
}

/**
 * Scans all rows again and again, part by part, at a share of the time: what a slot does not tell, it finds. It judges
 * nothing: keys whose rows differ are handed to the next verification.
 */
export class BackgroundScan implements AsyncDisposable {
  readonly #databases: Databases;
  readonly #options: ScanOptions;
  readonly #walks: readonly Walk[];
  readonly #suspects = new Map<string, Set<string>>();
  readonly #ended = new AbortController();
  #running: Promise<void> | null = null;

  constructor(databases: Databases, tables: readonly Followable[], options: ScanOptions) {
    this.#databases = databases;
    this.#options = options;
    this.#walks = tables.map((table) => ({
      ...{ table, size: new PartSize(), from: null },
      ...{ beganAtMs: Date.now(), begunMs: performance.now(), wholeAtMs: null },
      ...{ dueMs: performance.now(), problem: null },
    }));
  }

  /** Hands over the keys that differed since the last call. */
  suspects(id: string): ReadonlySet<string> {
    const own = this.#suspects.get(id) ?? new Set();
    this.#suspects.delete(id);
    return own;
  }

  wholeAtMs(id: string): number | null {
    return this.#walks.find(({ table }) => table.id === id)?.wholeAtMs ?? null;
  }

  problemOf(id: string): string | null {
    return this.#walks.find(({ table }) => table.id === id)?.problem ?? null;
  }

  /** @param isKnown Whether changes of the table are followed and it was compared whole: only then it is scanned. */
  async run(isKnown: (id: string) => boolean): Promise<void> {
    this.#running ??= this.#walkAll(isKnown);
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error('the scan was stopped'));
    await this.#running?.catch(() => undefined);
  }

  async #walkAll(isKnown: (id: string) => boolean): Promise<void> {
    const signal = AbortSignal.any([this.#options.signal, this.#ended.signal]);
    while (!signal.aborted) {
      const walk = this.#next(isKnown);
      const pauseMs = walk === null ? IDLE_MS : await this.#scanPart(walk, signal);
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** The walk that is under way, or else the one that has been due for longest; null if none is due. */
  #next(isKnown: (id: string) => boolean): Walk | null {
    const nowMs = performance.now();
    const open = this.#walks.filter(({ table }) => isKnown(table.id));
    const begun = open.find(({ from }) => from !== null);
    const due = open.filter(({ dueMs }) => dueMs <= nowMs).sort((a, b) => a.dueMs - b.dueMs);
    return begun ?? due[0] ?? null;
  }

  /** @returns how long to pause. */
  async #scanPart(walk: Walk, signal: AbortSignal): Promise<number> {
    const { id, source: table, copy } = walk.table;
    const estimate = this.#options.rowsOf(id);
    const deadline = new Deadline(PART_BOUND_MS);
    const rows = walk.size.rowsIn(deadline.leftMs);
    const isWhole = walk.from === null && estimate <= rows;
    if (walk.from === null) {
      walk.beganAtMs = Date.now();
      walk.begunMs = performance.now();
    }
    const part = {
      from: walk.from,
      isWhole,
      rows,
      estimate: isWhole ? estimate : 0,
      mostSuspects: MOST_SUSPECTS,
    };
    const startedMs = performance.now();
    try {
      const [source, sink] = [await this.#databases.source(), await this.#databases.sink()];
      const { to, scan } = await scanFrom(source, sink, pairTables(table, copy), part, deadline, signal);
      const tookMs = performance.now() - startedMs;
      const scanned = Math.max(scan.sourceRows, scan.sinkRows);
      walk.size.measured(scanned, tookMs);
      const { missing, extra, different, duplicate } = scan.beyond;
      if (missing + extra + different + duplicate > 0)
        throw new TooManyDiffer(`too many rows of ${id} differ to name them`);
      const known = this.#suspects.get(id) ?? new Set();
      this.#suspects.set(id, known);
      for (const key of scan.suspects) known.add(key);
      walk.problem = null;
      this.#advance(walk, to);
      return this.#pauseAfter(tookMs, scanned);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TooManyDiffer) throw error;
      const reason = deadline.explain(error);
      const why =
        reason instanceof Overrun
          ? `a part took longer than ${durationText(PART_BOUND_MS)}`
          : messageOf(reason);
      walk.problem = `its scan in the background does not get on: ${why}`;
      const isSmaller =
        reason instanceof Overrun && walk.size.shrink(Math.min(rows, estimate), PART_BOUND_MS);
      return isSmaller ? this.#pauseAfter(performance.now() - startedMs, 0) : AFTER_PROBLEM_MS;
    }
  }

  #advance(walk: Walk, to: Boundary | null): void {
    walk.from = to;
    if (to !== null) return;
    walk.wholeAtMs = walk.beganAtMs;
    walk.dueMs = walk.begunMs + this.#options.scanEveryMs * PLANNED;
  }

  /** Long enough that the scan keeps to its share, and that the rows are spread over the period. */
  #pauseAfter(tookMs: number, rows: number): number {
    const { scanEveryMs, scanShare, rowsOf } = this.#options;
    const all = this.#walks.reduce((sum, { table }) => sum + rowsOf(table.id), 0);
    const spreadMs = all === 0 ? 0 : (scanEveryMs * PLANNED * rows) / all - tookMs;
    return Math.max(tookMs * (1 / scanShare - 1), spreadMs);
  }
}
