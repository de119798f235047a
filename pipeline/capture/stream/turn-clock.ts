/**
 * The time, read at most once per turn of the event loop. Hot path: one turn decodes the hundreds of changes in a chunk
 * of the socket, and reading the clock costs as much as encoding a column.
 */
export class TurnClock {
  #nowMs: number | undefined;
  #lastMs = 0;
  #lastUs = 0n;
  readonly #forget = (): void => {
    this.#nowMs = undefined;
  };

  /** Milliseconds since the epoch. */
  nowMs(): number {
    if (this.#nowMs === undefined) {
      this.#nowMs = Date.now();
      setImmediate(this.#forget);
    }
    return this.#nowMs;
  }

  /** The same in microseconds. It makes one bigint per millisecond, not one per row. */
  nowUs(): bigint {
    const nowMs = this.nowMs();
    if (nowMs !== this.#lastMs) {
      this.#lastMs = nowMs;
      this.#lastUs = BigInt(nowMs) * 1000n;
    }
    return this.#lastUs;
  }
}
