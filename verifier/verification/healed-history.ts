import { z } from 'zod';

/** What one look says about a fault whose evidence stays when the rows are right again. */
export interface CumulativeLook {
  /** Counts that never go down, such as the changes that a sink has skipped. */
  readonly counts?: Readonly<Record<string, number>>;
  /** What is wrong, one by one, such as the rows that no event wrote. */
  readonly ids?: readonly string[];
  /** How many changes were handled when it was counted. */
  readonly handled: bigint;
  /** The rows that it concerns were compared, and all of them are equal now. */
  readonly rowsEqual: boolean;
  /** False: not all records were read, as after a restart, so lower counts mean nothing. */
  readonly isComplete?: boolean;
}

const knownSchema = z.object({
  counts: z.record(z.string(), z.number()),
  ids: z.array(z.string()),
  handled: z.string().regex(/^\d+$/),
  wereRowsWrong: z.boolean(),
});
/** By subject. */
export const historySchema = z.record(z.string(), knownSchema);

interface Known {
  readonly counts: Readonly<Record<string, number>>;
  readonly ids: ReadonlySet<string>;
  readonly handled: bigint;
  readonly wereRowsWrong: boolean;
}

/**
 * Tells a fault that is over from one that goes on, where the evidence does not go away. A fault is history if an earlier
 * verification has reported it, the rows are equal now, and since then either wrong rows became equal, or further changes
 * were handled without another fault. Anything else is a fault of now: a single look cannot tell.
 */
export class HealedHistory {
  #known = new Map<string, Known>();

  /** @param subject Names the check and what is counted. */
  isHealed(subject: string, look: CumulativeLook): boolean {
    const { handled, rowsEqual, isComplete = true } = look;
    const known = this.#known.get(subject);
    if (known === undefined || hasMore(known, look) || (isComplete && handled < known.handled)) {
      this.#known.set(subject, { ...contentOf(look), handled, wereRowsWrong: !rowsEqual });
      return false;
    }
    const wereRowsWrong = known.wereRowsWrong || !rowsEqual;
    // What is gone by now would be another fault if it came back.
    this.#known.set(subject, { ...known, ...(isComplete ? contentOf(look) : {}), wereRowsWrong });
    return rowsEqual && (wereRowsWrong || handled > known.handled);
  }

  toJSON(): z.infer<typeof historySchema> {
    return Object.fromEntries(
      [...this.#known].map(([subject, { ids, handled, ...own }]) => [
        subject,
        { ...own, ids: [...ids], handled: String(handled) },
      ]),
    );
  }

  /** Replaces what is known. */
  restore(from: z.infer<typeof historySchema>): void {
    this.#known = new Map(
      Object.entries(from).map(([subject, { ids, handled, ...own }]) => [
        subject,
        { ...own, ids: new Set(ids), handled: BigInt(handled) },
      ]),
    );
  }
}

function contentOf({ counts = {}, ids = [] }: CumulativeLook): Pick<Known, 'counts' | 'ids'> {
  return { counts, ids: new Set(ids) };
}

function hasMore(known: Known, { counts = {}, ids = [] }: CumulativeLook): boolean {
  return (
    Object.entries(counts).some(([name, count]) => count > (known.counts[name] ?? 0)) ||
    ids.some((id) => !known.ids.has(id))
  );
}
