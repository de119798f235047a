import type { WorkerRole } from '../access/access.ts';

/** What was seen of a connector that had to stop with an error. */
export interface StopSeen {
  readonly connector: WorkerRole;
  /** The connector, or one of its tasks, was FAILED before the wait was given up, which is some time after `withinMs`. */
  readonly stopped: boolean;
  /** From the beginning of the wait until it was FAILED; until the wait was given up, if it was not. */
  readonly afterMs: number;
  /** The bound. */
  readonly withinMs: number;
  /** The last state seen: `RUNNING, task 0 FAILED`. */
  readonly state: string;
  /** The first error code in the trace, such as CDC-1107; null if it has none, as with an engine that is not ours. */
  readonly code: string | null;
  /** Trace of what failed; null if nothing did. */
  readonly trace: string | null;
}

/** A connector that waits for somebody and does not say for whom. */
export interface UnsaidSeen {
  readonly connector: WorkerRole;
  /** How long its health was read. */
  readonly afterMs: number;
  /** What its health said last, by component. */
  readonly last: readonly string[];
}

/** What was seen of a connector that may stand still. */
export interface StallSeen {
  readonly connector: WorkerRole;
  /**
   * `stalled`: work was waiting, nothing moved and nothing failed; `unanswered`: the same, and its worker does not answer;
   * `moving`: it was still getting on at the end.
   */
  readonly end: 'stalled' | 'unanswered' | 'caught-up' | 'failed' | 'moving';
  /** How long its position had not changed. */
  readonly stillMs: number;
  /** What was left to do: events for the sink, bytes of WAL for the capture. */
  readonly left: number;
  readonly afterMs: number;
}
