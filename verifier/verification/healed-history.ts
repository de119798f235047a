/** What one look says about a count that never goes down, such as the changes that a sink has skipped. */
export interface CumulativeLook {
  /** The count as text. Another text than before is a new fault. */
  readonly count: string;
  /** How many changes were handled when it was counted. */
  readonly handled: bigint;
  /** The rows that it concerns were compared, and all of them are equal now. */
  readonly rowsEqual: boolean;
}

interface Known {
  readonly count: string;
  readonly handled: bigint;
  wereRowsWrong: boolean;
}

/**
 * Tells a fault that is over from one that goes on, for counts that never go down. A count is history if an earlier
 * verification has reported it, the rows are equal now, and since then either wrong rows became equal, or further changes
 * were handled without another fault. Anything else is a fault of now: a single look cannot tell.
 */
export class HealedHistory {
  readonly #known = new Map<string, Known>();

  /** @param subject Names the check and what is counted. */
  isHealed(subject: string, { count, handled, rowsEqual }: CumulativeLook): boolean {
    const known = this.#known.get(subject);
    if (known === undefined || known.count !== count || handled < known.handled) {
      this.#known.set(subject, { count, handled, wereRowsWrong: !rowsEqual });
      return false;
    }
    known.wereRowsWrong ||= !rowsEqual;
    return rowsEqual && (known.wereRowsWrong || handled > known.handled);
  }
}
