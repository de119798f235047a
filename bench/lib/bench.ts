/**
 * `bench/lib`: what benches share: the form of a bench, a lab with one pipeline, pairs of servers, and runs of the
 * verifier and its peers.
 * In: sizes, and the work to measure.
 * Out: times, rates and memory.
 * Promises: everything that a helper starts or creates is gone when it returns, also after an error.
 */

/** One measured figure, with its target. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Bound in the same unit; null if the figure is only for the record. */
  readonly target: { readonly atMost: number } | { readonly atLeast: number } | null;
  /** Single runs in their order. `value` is their median unless `what` says otherwise. */
  readonly samples?: readonly number[];
}

/** What a bench is given. */
export interface BenchContext {
  /** An empty folder, which is removed afterwards. */
  readonly workDir: string;
  readonly progress: (line: string) => void;
}

/** The default export of a file in `bench/`. The file's name is the bench's name. */
export interface Bench {
  /** What is measured, and against what. */
  readonly title: string;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new RangeError('the median of no samples');
  const below = sorted[Math.floor((sorted.length - 1) / 2)] ?? middle;
  return (middle + below) / 2;
}

/** Whether the figure meets its target; null if it has none. */
export function meets(figure: Figure): boolean | null {
  if (figure.target === null) return null;
  return 'atMost' in figure.target
    ? figure.value <= figure.target.atMost
    : figure.value >= figure.target.atLeast;
}
