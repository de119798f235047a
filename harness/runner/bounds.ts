/** Bounds of one step: the signal that cancels it, and how long it may take. */
export interface Bounds {
  readonly signal: AbortSignal;
  readonly withinMs: number;
}
