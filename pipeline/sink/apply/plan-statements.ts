import { type Change, shapeOf } from '../bind/change.ts';

/** The changes of a batch to one row, folded into one. */
export interface Folded {
  readonly change: Change;
  /** Positions of the events that were folded, ascending. */
  readonly positions: readonly string[];
}

/** Statements that run together. A step has each key once, so the order inside a step does not matter. */
export type Step =
  | { readonly tag: 'truncate'; readonly change: Change }
  | {
      readonly tag: 'rows';
      readonly upserts: readonly Folded[];
      /** They lack an unchanged TOAST value: the row must exist. */
      readonly partials: readonly Folded[];
      readonly deletes: readonly Folded[];
    };

export interface Plan {
  readonly steps: readonly Step[];
  /** Events that a newer or equal event of the same batch supersedes. */
  readonly suppressed: number;
}

export interface PlanOptions {
  /** True: the newest position wins. False: the last delivered event wins. */
  readonly guard: boolean;
  /** False in insert mode: every event becomes a separate row. */
  readonly byKey: boolean;
  /** `use.reduction.buffer`. True: the changes to one row are folded. False: each of them is written, in its own step. */
  readonly reduce: boolean;
}

/** Takes the values that `later` was not sent from `earlier`. */
function merge(earlier: Change, later: Change): Change {
  let isPartial = false;
  const values = later.values.map((value, i) => {
    if (value !== undefined) return value;
    const filled = earlier.values[i];
    // Neither has it: it was not sent, or the event does not have the column at all.
    if (filled === undefined) isPartial = isPartial || earlier.isPartial;
    return filled;
  });
  return { ...later, values, isPartial, shape: shapeOf(values) };
}

class Planner {
  readonly #options: PlanOptions;
  readonly #steps: Step[] = [];
  #open = new Map<string, Folded>();
  #suppressed = 0;

  constructor(options: PlanOptions) {
    this.#options = options;
  }

  add(change: Change): void {
    if (change.kind === 'truncate') {
      this.#flush();
      this.#steps.push({ tag: 'truncate', change });
      return;
    }
    const key = this.#options.byKey || change.kind !== 'upsert' ? change.key : `#${change.index}`;
    if (!this.#options.byKey && change.kind !== 'upsert') this.#flush();
    const earlier = this.#open.get(key);
    if (earlier === undefined) {
      this.#open.set(key, { change, positions: positionsOf(change) });
    } else {
      this.#fold(key, earlier, change);
    }
  }

  #fold(key: string, earlier: Folded, change: Change): void {
    const before = earlier.change;
    const isTombstone = change.kind === 'tombstone';
    // A tombstone repeats the delete before it, for log compaction.
    if (isTombstone && before.kind !== 'upsert' && (change.position ?? before.position) === before.position)
      return;
    if (!this.#options.reduce) {
      this.#flush();
      this.#open.set(key, { change, positions: positionsOf(change) });
      return;
    }
    if (this.#options.guard && change.position !== null && before.position !== null) {
      if (change.position <= before.position) {
        if (!isTombstone) this.#suppressed++;
        return;
      }
    }
    const positions = [...earlier.positions, ...positionsOf(change)];
    if (!change.isPartial) {
      this.#open.set(key, { change, positions });
    } else if (before.kind === 'upsert' && !before.fromSnapshot) {
      this.#open.set(key, { change: merge(before, change), positions });
    } else {
      // A snapshot's row may be older than the sink's row, and the guard then drops it. Folded into a newer event its
      // values would get past the guard, so it goes into an earlier step.
      this.#flush();
      this.#open.set(key, { change, positions: positionsOf(change) });
    }
  }

  #flush(): void {
    if (this.#open.size === 0) return;
    const upserts: Folded[] = [];
    const partials: Folded[] = [];
    const deletes: Folded[] = [];
    for (const folded of this.#open.values()) {
      if (folded.change.kind !== 'upsert') deletes.push(folded);
      else if (folded.change.isPartial) partials.push(folded);
      else upserts.push(folded);
    }
    this.#steps.push({ tag: 'rows', upserts, partials, deletes });
    this.#open = new Map();
  }

  finish(): Plan {
    this.#flush();
    return { steps: this.#steps, suppressed: this.#suppressed };
  }
}

function positionsOf(change: Change): readonly string[] {
  return change.kind === 'tombstone' || change.position === null ? [] : [change.position];
}

/**
 * The changes of a batch to one table, in offset order → the statements to run. The event with the newest position of a
 * key wins; an unchanged TOAST value comes from an earlier event of the batch, or stays as it is in the sink; a TRUNCATE
 * separates the steps before it from those after it.
 */
export function planStatements(changes: readonly Change[], options: PlanOptions): Plan {
  const planner = new Planner(options);
  for (const change of changes) planner.add(change);
  return planner.finish();
}
