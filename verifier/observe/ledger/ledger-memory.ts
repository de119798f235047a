import { statSync } from 'node:fs';
import { type LedgerState, unreadLedger } from './ledger-parts.ts';

/** The whole ledger is compared with the source again after this time. */
const WHOLE_EVERY_MS = 10 * 60_000;

/** How far the ledger has been compared with the source and found right. */
export class LedgerMemory {
  readonly #nowMs: () => number;
  #known: { readonly file: string; readonly incarnation: string; readonly wholeAtMs: number } | null = null;
  #state: LedgerState = unreadLedger();

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * Decides what to read: what has been appended since the last call. The whole ledger is read at first, every ten
   * minutes, if the file was replaced or truncated, and if the source was restarted.
   * @param incarnation Changes with every start of the source.
   * @returns with `commit`, to be called with the new state if everything was right.
   */
  begin(
    path: string,
    incarnation: string,
  ): { before: LedgerState; endOffset: number; commit: (after: LedgerState) => void } {
    const { dev, ino, size: endOffset } = statSync(path);
    const file = `${dev}/${ino}`;
    const known = this.#known;
    const nowMs = this.#nowMs();
    const continues =
      known !== null &&
      known.file === file &&
      known.incarnation === incarnation &&
      nowMs - known.wholeAtMs < WHOLE_EVERY_MS &&
      this.#state.cursor.byteOffset <= endOffset;
    const before = continues ? this.#state : unreadLedger();
    const commit = (after: LedgerState): void => {
      this.#state = after;
      this.#known = { file, incarnation, wholeAtMs: continues ? known.wholeAtMs : nowMs };
    };
    return { before, endOffset, commit };
  }

  /** Makes the next verification read the whole ledger. */
  forget(): void {
    this.#known = null;
  }
}
