import { sleep } from '../../contract/wake.ts';

/** A slice holds this much of a second, so that the rate is even and a pause or a stop does not wait long. */
const SLICE_MS = 50;
/** A snapshot that was held up, as by a busy broker, catches up with this much at most. */
const CATCH_UP_MS = 100;

/**
 * A token bucket for the rows of snapshots: `snapshot.max.rows.per.second`. It begins empty, so that a short snapshot does
 * not exceed the rate either.
 */
export class RowRate {
  readonly #rowsPerSecond: number;
  readonly #nowMs: () => number;
  /** When the rows that were taken so far are used up. */
  #dueMs: number;

  /** @param rowsPerSecond 0: no bound. */
  constructor(rowsPerSecond: number, nowMs: () => number = () => performance.now()) {
    this.#rowsPerSecond = rowsPerSecond;
    this.#nowMs = nowMs;
    this.#dueMs = nowMs();
  }

  /** Most rows to take at once. */
  get sliceRows(): number {
    if (this.#rowsPerSecond === 0) return Number.POSITIVE_INFINITY;
    return Math.max(1, Math.floor((this.#rowsPerSecond * SLICE_MS) / 1_000));
  }

  /** Resolves when so many more rows may be sent, or as soon as the signal aborts. */
  async take(rows: number, signal: AbortSignal): Promise<void> {
    if (this.#rowsPerSecond === 0) return;
    const nowMs = this.#nowMs();
    const startMs = Math.max(this.#dueMs, nowMs - CATCH_UP_MS);
    this.#dueMs = startMs + (rows * 1_000) / this.#rowsPerSecond;
    await sleep(startMs - nowMs, signal);
  }
}
