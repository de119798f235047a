import { statSync } from 'node:fs';
import { type LedgerState, unreadLedger } from './ledger-parts.ts';

/** All of the ledger is held against the source again after so long. */
const WHOLE_EVERY_MS = 10 * 60_000;

/** How far the ledger has been held against the source, and found right. */
export class LedgerMemory {
  readonly #nowMs: () => number;
  #known: { readonly file: string; readonly incarnation: string; readonly wholeAtMs: number } | null = null;
  #state: LedgerState = unreadLedger();

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * What to read now: all of it at first, after ten minutes, where the file is another one or has become shorter, and
   * where the source has been started anew; else what has come since.
   * @returns with `commit`, to be called with the new state where all was right.
   */
  begin(
    path: string,
    incarnation: string,
  ): { before: LedgerState; endOffset: number; commit: (after: LedgerState) => void } {
    const { dev, ino, size: endOffset } = statSync(path);
    const file = `${dev}/${ino}`;
    const known = this.#known;
    const nowMs = this.#nowMs();
    const goesOn =
      known !== null &&
      known.file === file &&
      known.incarnation === incarnation &&
      nowMs - known.wholeAtMs < WHOLE_EVERY_MS &&
      this.#state.cursor.byteOffset <= endOffset;
    const before = goesOn ? this.#state : unreadLedger();
    const commit = (after: LedgerState): void => {
      this.#state = after;
      this.#known = { file, incarnation, wholeAtMs: goesOn ? known.wholeAtMs : nowMs };
    };
    return { before, endOffset, commit };
  }

  /** The next verification reads all of it. */
  forget(): void {
    this.#known = null;
  }
}
