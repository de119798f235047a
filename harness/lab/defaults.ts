/** Transactions per second of a new lab's writer. */
export const DEFAULT_RATE = 20;
/** The seed of everything random, in a new lab and in a run. */
export const DEFAULT_SEED = 42;
