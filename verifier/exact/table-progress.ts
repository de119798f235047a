import type { Boundary } from '../compare/ranges.ts';
import { type DigestedComparison, joinParts } from './part.ts';
import type { Copy, NotExact } from './snapshot-pair.ts';

/** A comparison, or why the table could not be read. */
export type Answer = DigestedComparison | Error;

/** How far the comparison of one table is: its parts are compared in the order of the key. */
export class TableProgress {
  readonly copy: Copy;
  #from: Boundary | null = null;
  /** Attempts at the current part that failed. */
  #failures = 0;
  #attempts = 1;
  #isTooLong = false;
  #sofar: DigestedComparison | null = null;
  #answer: Answer | null = null;
  #reason: NotExact | null = null;

  constructor(copy: Copy) {
    this.copy = copy;
  }

  /** True until there is an answer, or a reason why there is none. */
  get isOpen(): boolean {
    return this.#answer === null && this.#reason === null;
  }

  /** Keys before this are done; null if none is. */
  get from(): Boundary | null {
    return this.#from;
  }

  /** It did not fit into a snapshot's time, whatever the planner estimates. */
  get isTooLong(): boolean {
    return this.#isTooLong;
  }

  get attempts(): number {
    return this.#attempts;
  }

  get answer(): Answer | null {
    return this.#answer;
  }

  /** Why it could not be compared in any attempt. */
  get reason(): NotExact | null {
    return this.#reason;
  }

  /** Records a part that was compared and not disturbed. @param to Where it ended; null: at the end of the table. */
  compared(part: DigestedComparison, to: Boundary | null, maxListed: number): void {
    this.#failures = 0;
    this.#sofar = this.#sofar === null ? part : joinParts(this.#sofar, part, maxListed);
    this.#from = to;
    if (to === null) this.#answer = this.#sofar;
  }

  /** Records a failed attempt at the current part, and gives up if there must be no other. */
  failed(reason: NotExact, maxAttempts: number): void {
    if (this.#reason !== null) return;
    this.#failures++;
    if (!reason.mayPass || this.#failures >= maxAttempts) this.#reason = reason;
    else this.#attempts = Math.max(this.#attempts, this.#failures + 1);
  }

  /** Records that the part took longer than a snapshot may live. @param reason Given if no smaller part can be tried. */
  tookTooLong(reason: NotExact | null): void {
    this.#isTooLong = true;
    this.#reason ??= reason;
  }

  unreadable(error: unknown): void {
    this.#answer = error instanceof Error ? error : new Error(String(error));
  }

  /** Discards an answer from snapshots that broke later: it does not count either. */
  withdrawAnswer(): void {
    this.#answer = null;
  }
}
