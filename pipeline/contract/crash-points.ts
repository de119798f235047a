/**
 * The places where a crash is interesting. A process that the lab started with crash points on announces an armed
 * point when it gets there, and waits: to be killed, or to be released.
 */
export const CRASH_POINTS = {
  /** A transaction is decoded; nothing of it is sent. */
  afterRead: 'capture.after-read',
  /** Kafka has acknowledged the records; their position is stored nowhere yet. */
  afterProduceBeforeAck: 'capture.after-produce-before-ack',
  /** The position is in the offsets topic; PostgreSQL has not been told. */
  afterOffsetBeforeFlush: 'capture.after-offset-before-flush',
  /** A snapshot's chunk is read; nothing of it is sent, and the chunk before it is checkpointed. */
  midSnapshotChunk: 'capture.mid-snapshot-chunk',
  /** Records are fetched; nothing is applied. */
  afterFetch: 'sink.after-fetch',
  /** The rows are written in an open transaction. */
  afterApplyBeforeCommit: 'sink.after-apply-before-commit',
  /** The sink database has rows and offsets; the consumer group has not been told. */
  afterCommitBeforeOffset: 'sink.after-commit-before-offset',
} as const;

export type CrashPoint = (typeof CRASH_POINTS)[keyof typeof CRASH_POINTS];

/** Handed to a task by its worker. */
export interface CrashPoints {
  /** Undefined, at once, unless this point is armed; else a promise that resolves when the point is released. */
  reach(point: CrashPoint): Promise<void> | undefined;
  /** Whether who reaches this point now would wait: for what must be done before the point is announced. */
  holds(point: CrashPoint): boolean;
}
