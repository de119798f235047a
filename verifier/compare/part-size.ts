/** Parts are not made smaller than this. */
const SMALLEST_ROWS = 100;
/** Rows compared per millisecond until the first measurement: a cautious guess. */
const FIRST_RATE = 50;
/** Share of the remaining time that a part is planned to take: its rows may be wider than the rows before it. */
const SHARE = 0.5;

/** Chooses how many rows to compare in one snapshot, from how long the parts before took. */
export class PartSize {
  readonly #mostRows: number;
  #rowsPerMs = FIRST_RATE;

  /** @param mostRows Upper bound for one part, however fast it may be. */
  constructor(mostRows = Number.POSITIVE_INFINITY) {
    this.#mostRows = mostRows;
  }

  /** Rows that should fit into that time. */
  rowsIn(leftMs: number): number {
    const rows = Math.min(this.#mostRows, leftMs * SHARE * this.#rowsPerMs);
    return Math.max(SMALLEST_ROWS, Math.floor(rows));
  }

  /** Learns from a part that succeeded. */
  measured(rows: number, ms: number): void {
    // A small part measures the round trips rather than the rows: it may raise the rate, but not lower it.
    if (rows < 10 * SMALLEST_ROWS && rows / Math.max(ms, 1) < this.#rowsPerMs) return;
    this.#rowsPerMs = rows / Math.max(ms, 1);
  }

  /** Learns from a part of that many rows that took too long. @returns false if a smaller part makes no sense. */
  shrink(rows: number, boundMs: number): boolean {
    if (rows <= SMALLEST_ROWS) return false;
    this.#rowsPerMs = Math.min(this.#rowsPerMs / 4, rows / 4 / (boundMs * SHARE));
    return true;
  }
}
