/** How much a bench measures. */
export interface Size {
  readonly rows: number;
  readonly passes: number;
  readonly rounds: number;
}

/** With `BENCH_SMALL=1` a fiftieth of the rows, to check that a bench runs; its figures mean nothing. */
export function sizeOf(full: Size): Size {
  if (process.env.BENCH_SMALL === undefined) return full;
  return {
    rows: Math.ceil(full.rows / 50),
    passes: Math.min(full.passes, 20),
    rounds: Math.min(full.rounds, 2),
  };
}
