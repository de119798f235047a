/**
 * The moments at which a crash is interesting. A worker that was started with crash points announces an armed point
 * when it reaches it, and waits there until it is killed or released.
 */
export const CRASH_POINTS = {
  /** A transaction is decoded, and no record of it is sent. */
  afterRead: 'capture.after-read',
  /** Kafka has acknowledged the records, and their position is not stored yet. */
  afterProduceBeforeAck: 'capture.after-produce-before-ack',
  /** The position is in the offsets topic, and PostgreSQL has not received it yet. */
  afterOffsetBeforeFlush: 'capture.after-offset-before-flush',
  /** A chunk of a snapshot is read and not sent. The chunk before it is checkpointed. */
  midSnapshotChunk: 'capture.mid-snapshot-chunk',
  /** Records are fetched, and none of them is applied. */
  afterFetch: 'sink.after-fetch',
  /** The rows are written in an open transaction. */
  afterApplyBeforeCommit: 'sink.after-apply-before-commit',
  /** Rows and offsets are committed in the sink database, and not yet in the consumer group. */
  afterCommitBeforeOffset: 'sink.after-commit-before-offset',
} as const;

export type CrashPoint = (typeof CRASH_POINTS)[keyof typeof CRASH_POINTS];

/** How a task reports its crash points to its worker. */
export interface CrashPoints {
  /** Undefined unless the point is armed. If it is, a promise that resolves when the point is released. */
  reach(point: CrashPoint): Promise<void> | undefined;
  /** True if {@link reach} would wait now, so that a task can finish first what belongs before the point. */
  holds(point: CrashPoint): boolean;
}
