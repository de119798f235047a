/**
 * `harness/access`: how runner and faults reach a pipeline, by its own protocols: SQL, Kafka, Connect's REST API.
 * In: the addresses of an instance.
 * Out: rows, offsets, states of connectors and crash points, the verifier's reports.
 * Promises: several workers of one half are asked as if they were one; a request that nobody
 * answers is an error with the address.
 */

import type { CrashPoint } from '../../pipeline/contract/crash-points.ts';
import type { Report } from '../../verifier/report.ts';
import type { OffsetAnswer, StatusAnswer } from '../connect/answers.ts';
import type { SnapshotRate } from './snapshot-rate.ts';

export type WorkerRole = 'capture' | 'sink';
export type Side = 'source' | 'sink';

/** `GET /lab/crash-points` of a worker. */
export interface CrashPointState {
  readonly armed: readonly { readonly name: string; readonly skip: number }[];
  readonly waiting: readonly {
    readonly name: string;
    readonly since: string;
    readonly arrivals: number;
    /** The worker that waits there, if there are several. */
    readonly service?: string;
  }[];
}

/** How far behind the pipeline is. */
export interface Lag {
  /** Records between the consumer group's committed offsets and the topics' ends. */
  readonly events: number;
  /** WAL between the slot's `confirmed_flush_lsn` and the source's current position; null without a slot. */
  readonly slotBytes: number | null;
}

export interface TopicLag {
  readonly topic: string;
  readonly partition: number;
  readonly committed: bigint | null;
  readonly end: bigint;
}

/** A transaction that has been committed. */
export interface Committed {
  /** As `pg_current_xact_id_if_assigned()` prints it; null if the statements wrote nothing. */
  readonly xid: string | null;
  /** Rows that each statement touched; null for a statement that counts none, such as TRUNCATE. */
  readonly rows: readonly (number | null)[];
}

/** Everything that runner and faults ask of a running pipeline, over its own protocols. */
export interface Access extends AsyncDisposable {
  query(side: Side, sql: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Runs the statements in one transaction. @throws PostgreSQL's error, after the rollback. */
  transaction(side: Side, statements: readonly string[]): Promise<Committed>;
  lag(): Promise<Lag>;
  lagByPartition(): Promise<readonly TopicLag[]>;
  /** Sum over partitions, per topic of the instance. */
  endOffsets(): Promise<ReadonlyMap<string, bigint>>;
  /** Records that repeat a change which is in the topics already, as after a restart. */
  redelivered(signal: AbortSignal): Promise<number>;
  /** The rate of the fastest snapshot in the topics; undefined: there is none, or none that tells. */
  fastestSnapshot(signal: AbortSignal): Promise<SnapshotRate | undefined>;
  /** Deletes the records of the topics; their offsets go on. */
  emptyTopics(): Promise<void>;
  /** Transactions that the ledger has as committed. */
  committed(): Promise<number>;
  /** @param options.deadlineMs For the pipeline to catch up; the comparison behind it is bounded by the signal. */
  verify(options: { deadlineMs: number; quiet?: boolean; signal: AbortSignal }): Promise<Report>;
  /** Verifies, and answers within that time, whatever there is to wait for: INCONCLUSIVE if it is not done. */
  verifyWithin(withinMs: number, signal: AbortSignal): Promise<Report>;
  armCrashPoint(worker: WorkerRole, point: CrashPoint, skip: number): Promise<void>;
  /** Disarms the point, and releases a task that waits there. */
  releaseCrashPoint(worker: WorkerRole, point: CrashPoint): Promise<void>;
  crashPoints(worker: WorkerRole): Promise<CrashPointState>;
  /** The offsets that a connector has stored, as the Connect REST API prints them. */
  connectorOffsets(role: WorkerRole): Promise<readonly OffsetAnswer[]>;
  connectorStatus(role: WorkerRole): Promise<StatusAnswer>;
  pauseConnector(role: WorkerRole): Promise<void>;
  resumeConnector(role: WorkerRole): Promise<void>;
}
