import type { CrashPoints } from './crash-points.ts';
import type { Defect } from './stages.ts';

/** States as Kafka Connect prints them. */
export type ConnectorState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING';

/** `GET /connectors/NAME/status`. */
export interface ConnectorStatus {
  readonly name: string;
  readonly connector: { readonly state: ConnectorState; readonly worker_id: string; readonly trace?: string };
  readonly tasks: readonly TaskStatus[];
  readonly type: 'source' | 'sink';
}
export interface TaskStatus {
  readonly id: number;
  readonly state: ConnectorState;
  readonly worker_id: string;
  /** Why it failed, as one text. */
  readonly trace?: string;
}

export type ConnectorConfig = Readonly<Record<string, string>>;

/** What is wrong with one key of a configuration; `nearest` names a known key that was perhaps meant. */
export interface ConfigProblem {
  readonly key: string;
  readonly message: string;
  readonly nearest?: string;
}

export type Health = 'ok' | 'degraded' | 'failed';
export interface ComponentHealth {
  /** `database`, `replication-stream`, `broker`, … */
  readonly component: string;
  readonly health: Health;
  readonly detail: string;
}

export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Counters and gauges of one task. The worker exports them with a `connector` label. */
export interface TaskMetrics {
  /** `event` is published (source) or consumed (sink), `error` is a record that failed, per table. */
  count(
    what: 'published' | 'consumed' | 'applied' | 'suppressed' | 'dead_lettered' | 'error',
    table: string,
    n: number,
  ): void;
  /** Bytes of WAL (source) or records (sink) still to be done. */
  lag(table: string, n: number): void;
  /** From the database's commit time to now, in milliseconds. */
  latency(table: string, ms: number): void;
}

/** From where on a task that works is reported as degraded in `/health`. */
export interface HealthBounds {
  /** Records in the topics that the sink has not applied. */
  readonly lagEvents: number;
  /** Milliseconds that the oldest change has waited: since its commit (source), since Kafka got it (sink). */
  readonly lagMs: number;
  /** Milliseconds without progress while there is work to do. */
  readonly stalledAfterMs: number;
}

export const DEFAULT_HEALTH_BOUNDS: HealthBounds = {
  lagEvents: 10_000,
  lagMs: 300_000,
  stalledAfterMs: 60_000,
};

/** What a worker gives to each task. */
export interface TaskContext {
  readonly connector: string;
  readonly workerId: string;
  /** Id of the task among those of its connector; 0 where it is left out. */
  readonly taskId?: number;
  readonly bootstrapServers: readonly string[];
  /** Compacted topic with the positions of source connectors, as Connect's `offset.storage.topic`. */
  readonly offsetsTopic: string;
  readonly log: Logger;
  readonly metrics: TaskMetrics;
  readonly crashPoints: CrashPoints;
  readonly defects: readonly Defect[];
  /** {@link DEFAULT_HEALTH_BOUNDS} where it is left out. */
  readonly healthBounds?: HealthBounds;
}

/** A running task. */
export interface Task {
  /** Resolves after {@link stop}; rejects with the reason when the task fails by itself. */
  readonly done: Promise<void>;
  /** Stops fetching and applying; keeps slot, group membership and everything already fetched. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Graceful: flushes what is in flight, stores the last position, lets go of slot or group. */
  stop(): Promise<void>;
  health(): readonly ComponentHealth[];
}

/** One entry of `GET /connectors/NAME/offsets`. */
export interface ConnectorOffset {
  readonly partition: Readonly<Record<string, unknown>>;
  readonly offset: Readonly<Record<string, unknown>> | null;
}

/** A connector class that a worker can host. */
export interface ConnectorPlugin {
  /** Java class name of the connector whose configuration keys it takes. */
  readonly className: string;
  readonly type: 'source' | 'sink';
  readonly version: string;
  /** Everything wrong with the configuration: unknown keys, bad values, missing ones. Empty when it may start. */
  validate(config: ConnectorConfig): readonly ConfigProblem[];
  /** Resolves when the task has begun; a failure later on rejects {@link Task.done}. */
  start(config: ConnectorConfig, context: TaskContext): Promise<Task>;
  offsets(config: ConnectorConfig, context: TaskContext): Promise<readonly ConnectorOffset[]>;
  /** Null removes all: the connector must be stopped. */
  alterOffsets(
    config: ConnectorConfig,
    context: TaskContext,
    offsets: readonly ConnectorOffset[] | null,
  ): Promise<void>;
}
