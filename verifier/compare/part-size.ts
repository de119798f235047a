/** A part of a table took longer than its snapshot may live. */
export class Overrun extends Error {}

/** Rows below which a part is not made smaller. */
const SMALLEST_ROWS = 100;
/** Rows compared in a millisecond, as long as nothing was measured: a careful guess. */
const FIRST_RATE = 50;
/** Of the time that is left, what a part is planned to take: its rows may be wider than those before. */
const SHARE = 0.5;

/** Chooses how many rows are compared in one snapshot, by how long those before took. */
export class Pace {
  readonly #mostRows: number;
  #rowsPerMs = FIRST_RATE;

  /** @param mostRows Of one part, however quick it may be. */
  constructor(mostRows = Number.POSITIVE_INFINITY) {
    this.#mostRows = mostRows;
  }

  /** Rows that fit into so much time. */
  rowsIn(leftMs: number): number {
    const rows = Math.min(this.#mostRows, leftMs * SHARE * this.#rowsPerMs);
    return Math.max(SMALLEST_ROWS, Math.floor(rows));
  }

  took(rows: number, ms: number): void {
    // Few rows say more of the round trips than of the rows.
    if (rows < 10 * SMALLEST_ROWS && rows / Math.max(ms, 1) < this.#rowsPerMs) return;
    this.#rowsPerMs = rows / Math.max(ms, 1);
  }

  /** After a part of so many rows that took too long. @returns false where a smaller one makes no sense. */
  shrink(rows: number, boundMs: number): boolean {
    if (rows <= SMALLEST_ROWS) return false;
    this.#rowsPerMs = Math.min(this.#rowsPerMs / 4, rows / 4 / (boundMs * SHARE));
    return true;
  }
}
