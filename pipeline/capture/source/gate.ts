/** Why reading is held: the user's pause, a full queue, a relation that is being looked up, a blocking snapshot. */
export type HoldReason = 'paused' | 'queue' | 'relation' | 'blocking-snapshot';

/** Open while there is no reason to hold it. Its listener pauses and resumes a socket. */
export class Gate {
  readonly #reasons = new Set<HoldReason>();
  #waiting: (() => void)[] = [];
  #listener: ((open: boolean) => void) | undefined;

  hold(reason: HoldReason): void {
    this.#reasons.add(reason);
    this.#listener?.(false);
  }

  release(reason: HoldReason): void {
    if (!this.#reasons.delete(reason)) return;
    if (reason === 'paused') {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
    }
    if (this.#reasons.size === 0) this.#listener?.(true);
  }

  has(reason: HoldReason): boolean {
    return this.#reasons.has(reason);
  }

  /** Calls the listener with the state of the gate now and at each change; undefined removes it. */
  listen(listener: ((open: boolean) => void) | undefined): void {
    this.#listener = listener;
    listener?.(this.#reasons.size === 0);
  }

  /** Resolves while the user has not paused. */
  async unpaused(signal: AbortSignal): Promise<void> {
    while (this.#reasons.has('paused') && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }
}
