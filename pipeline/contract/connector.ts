/**
 * `pipeline/contract`: the vocabulary that the stages, the worker and the verifier share: types, and names on the
 * wire.
 * In: nothing of the project; types describe what PostgreSQL, Kafka, Connect and Debezium say.
 * Out: types, constants, errors, and a few helpers that every stage needs.
 * Promises: no code here decodes or encodes a message, so the verifier can use it without sharing a stage's mistakes.
 */

import type { CrashPoints } from './crash-points.ts';
import type { ComponentHealth, HealthBounds } from './health.ts';
import type { Defect } from './stages.ts';

/** State of a connector or a task, as Kafka Connect prints it. */
export type ConnectorState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING';

/** Answer of `GET /connectors/NAME/status`. */
export interface ConnectorStatus {
  readonly name: string;
  readonly connector: { readonly state: ConnectorState; readonly worker_id: string; readonly trace?: string };
  readonly tasks: readonly TaskStatus[];
  readonly type: 'source' | 'sink';
}
/** One task in {@link ConnectorStatus}. */
export interface TaskStatus {
  readonly id: number;
  readonly state: ConnectorState;
  readonly worker_id: string;
  /** The error of a failed task, with its causes, as one text. */
  readonly trace?: string;
}

/** Configuration keys of a connector, each with its value as text. */
export type ConnectorConfig = Readonly<Record<string, string>>;

/** What is wrong with one key of a configuration. */
export interface ConfigProblem {
  readonly key: string;
  /** A sentence that names the key, without a full stop. */
  readonly message: string;
  /** The known key that was probably meant. */
  readonly nearest?: string;
}

/** Writes log lines. Fields become members of the line; secrets are redacted in all of it. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Counters and gauges of one task. The worker exports them on `/metrics` with the label `connector`. */
export interface TaskMetrics {
  /**
   * Adds `n` records to a counter. Meanings: `published` by Kafka's acknowledgement, `applied` by the sink's commit;
   * `lossy` counts values that an event holds only in part.
   */
  count(
    what: 'published' | 'consumed' | 'applied' | 'suppressed' | 'dead_lettered' | 'error' | 'lossy',
    table: string,
    n: number,
  ): void;
  /** Bytes of WAL (source) or number of records (sink) that wait. */
  lag(table: string, n: number): void;
  /** Milliseconds from the commit at the source to now. */
  latency(table: string, ms: number): void;
}

/** What a worker gives to each task. */
export interface TaskContext {
  readonly connector: string;
  readonly workerId: string;
  /** Number of the task among those of its connector, from 0; 0 if undefined. */
  readonly taskId?: number;
  readonly bootstrapServers: readonly string[];
  /** Compacted topic with the positions of source connectors: Connect's `offset.storage.topic`. */
  readonly offsetsTopic: string;
  readonly log: Logger;
  readonly metrics: TaskMetrics;
  readonly crashPoints: CrashPoints;
  /** Planted defects that the task wraps around its stages. Empty outside of tests. */
  readonly defects: readonly Defect[];
  /** `DEFAULT_HEALTH_BOUNDS` if undefined. */
  readonly healthBounds?: HealthBounds;
}

/** A running task. */
export interface Task {
  /** Resolves after {@link stop}; rejects with the reason when the task fails by itself. */
  readonly done: Promise<void>;
  /** Stops fetching and applying. The task keeps its slot or group membership, and what it has fetched already. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Stops gracefully: flushes what is in flight, stores the last position, releases the slot or leaves the group. */
  stop(): Promise<void>;
  health(): readonly ComponentHealth[];
}

/** One entry in the answer of `GET /connectors/NAME/offsets`. */
export interface ConnectorOffset {
  readonly partition: Readonly<Record<string, unknown>>;
  readonly offset: Readonly<Record<string, unknown>> | null;
}

/** A connector class that a worker can host. */
export interface ConnectorPlugin {
  /** Name of the Java class whose configuration keys it takes. */
  readonly className: string;
  readonly type: 'source' | 'sink';
  readonly version: string;
  /** Every problem of the configuration: unknown keys, bad values, missing keys. Empty if it may start. */
  validate(config: ConnectorConfig): readonly ConfigProblem[];
  /** Resolves when the task runs. A later failure rejects {@link Task.done}. */
  start(config: ConnectorConfig, context: TaskContext): Promise<Task>;
  /** Stored positions; empty if there are none. */
  offsets(config: ConnectorConfig, context: TaskContext): Promise<readonly ConnectorOffset[]>;
  /**
   * Replaces stored positions; null removes all. The connector must be stopped.
   * @throws LabError if they are not valid.
   */
  alterOffsets(
    config: ConnectorConfig,
    context: TaskContext,
    offsets: readonly ConnectorOffset[] | null,
  ): Promise<void>;
}
