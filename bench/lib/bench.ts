/** One measured figure beside what it is held against. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Of TARGETS: a bound in the same unit; null where this is a figure for the record. */
  readonly target: { readonly atMost: number } | { readonly atLeast: number } | null;
  /** Single runs, in the order in which they were made; `value` is their median unless `what` says otherwise. */
  readonly samples?: readonly number[];
}

export interface BenchContext {
  /** A folder of the bench's own, removed afterwards. */
  readonly workDir: string;
  readonly progress: (line: string) => void;
}

/** A file in this folder; its name is the bench's name. */
export interface Bench {
  /** One sentence: what is measured, against what. */
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

export function meets(figure: Figure): boolean | null {
  if (figure.target === null) return null;
  return 'atMost' in figure.target
    ? figure.value <= figure.target.atMost
    : figure.value >= figure.target.atLeast;
}
