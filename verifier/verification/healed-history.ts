import { z } from 'zod';

/** What one look says about a fault whose evidence stays when the rows are right again. */
export interface CumulativeLook {
  /** Counts that never go down, such as the changes that a sink has skipped. */
  readonly counts?: Readonly<Record<string, number>>;
  /** What is wrong, one by one, such as the rows that no event wrote. */
  readonly ids?: readonly string[];
  /** Each time that one of {@link ids} was done, where it can be done again. */
  readonly times?: readonly string[];
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
  times: z.array(z.string()),
  handled: z.string().regex(/^\d+$/),
  wereRowsWrong: z.boolean(),
  wasHealed: z.boolean(),
});
/** By subject. */
export const historySchema = z.record(z.string(), knownSchema);

interface Known {
  readonly counts: Readonly<Record<string, number>>;
  readonly ids: ReadonlySet<string>;
  readonly times: ReadonlySet<string>;
  readonly handled: bigint;
  readonly wereRowsWrong: boolean;
  /** It was told as history, and its rows were equal ever since. */
  readonly wasHealed: boolean;
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
    if (known === undefined || isAnother(known, look)) {
      this.#known.set(subject, { ...contentOf(look), handled, wereRowsWrong: !rowsEqual, wasHealed: false });
      return false;
    }
    const wereRowsWrong = known.wereRowsWrong || !rowsEqual;
    // Counts of which a part is not known hide what was added.
    const isUnderstated = !isComplete && hasLess(known, look);
    const isOver = !isUnderstated && rowsEqual && (wereRowsWrong || handled > known.handled);
    const wasHealed = rowsEqual && (known.wasHealed || isOver);
    // What is gone by now would be another fault if it came back.
    this.#known.set(subject, { ...known, ...(isComplete ? contentOf(look) : {}), wereRowsWrong, wasHealed });
    return isOver;
  }

  /** Nothing is wrong: whatever is found from now on is another fault. @param subject As in {@link isHealed}. */
  clear(subject: string): void {
    this.#known.delete(subject);
  }

  toJSON(): z.infer<typeof historySchema> {
    return Object.fromEntries(
      [...this.#known].map(([subject, { ids, times, handled, ...own }]) => [
        subject,
        { ...own, ids: [...ids], times: [...times], handled: String(handled) },
      ]),
    );
  }

  /** Replaces what is known. */
  restore(from: z.infer<typeof historySchema>): void {
    this.#known = new Map(
      Object.entries(from).map(([subject, { ids, times, handled, ...own }]) => [
        subject,
        { ...own, ids: new Set(ids), times: new Set(times), handled: BigInt(handled) },
      ]),
    );
  }
}

function contentOf({
  counts = {},
  ids = [],
  times = [],
}: CumulativeLook): Pick<Known, 'counts' | 'ids' | 'times'> {
  return { counts, ids: new Set(ids), times: new Set(times) };
}

/** Whether it is not, or not only, the fault that is known. */
function isAnother(known: Known, look: CumulativeLook): boolean {
  const { handled, rowsEqual, isComplete = true } = look;
  if (hasMore(known, look)) return true;
  // Rows that are repaired by hand are written by hand once more. Any later time is not a repair.
  const isRepair = known.wereRowsWrong && rowsEqual && !known.wasHealed;
  if (wasDoneAgain(known, look) && !isRepair) return true;
  // The count began again, or offsets were reset: how much of it is new is not known.
  return isComplete && (hasLess(known, look) || handled < known.handled);
}

function hasMore(known: Known, { counts = {}, ids = [] }: CumulativeLook): boolean {
  return (
    Object.entries(counts).some(([name, count]) => count > (known.counts[name] ?? 0)) ||
    ids.some((id) => !known.ids.has(id))
  );
}

function hasLess(known: Known, { counts = {} }: CumulativeLook): boolean {
  return Object.entries(known.counts).some(([name, count]) => (counts[name] ?? 0) < count);
}

function wasDoneAgain(known: Known, { times = [] }: CumulativeLook): boolean {
  return times.some((time) => !known.times.has(time));
}
