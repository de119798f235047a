/** `degraded`: works, but something needs attention. `failed`: does not work, and will not recover without help. */
export type Health = 'ok' | 'degraded' | 'failed';

/** Health of one part of a worker or a task, as `/health` lists it. */
export interface ComponentHealth {
  /** `database`, `replication-stream`, `consumer-group`, `lag`, `progress`, … */
  readonly component: string;
  readonly health: Health;
  /** For people: what was measured, or what is wrong. */
  readonly detail: string;
}

/** Bounds beyond which `/health` reports a working task as degraded. */
export interface HealthBounds {
  /** Records in the topics that the sink has not applied yet. */
  readonly lagEvents: number;
  /** Milliseconds that the oldest change has waited: since its commit (source) or its Kafka timestamp (sink). */
  readonly lagMs: number;
  /** Milliseconds without progress although there is work to do. */
  readonly stalledAfterMs: number;
}

export const DEFAULT_HEALTH_BOUNDS: HealthBounds = {
  lagEvents: 10_000,
  lagMs: 300_000,
  stalledAfterMs: 60_000,
};
