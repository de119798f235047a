import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { TaskMetrics } from '../contract/connector.ts';
import type { ComponentHealth } from '../contract/health.ts';

type Counted = Parameters<TaskMetrics['count']>[0];
const LABELS = ['connector', 'table'] as const;

const COUNTERS: Readonly<Record<Counted, readonly [name: string, help: string]>> = {
  published: ['cdc_events_published_total', 'Change events that Kafka has acknowledged.'],
  consumed: ['cdc_events_consumed_total', 'Records fetched from Kafka.'],
  applied: ['cdc_events_applied_total', 'Records whose effect is committed in the sink.'],
  suppressed: ['cdc_events_suppressed_total', 'Records that came again or too late, and were not applied.'],
  dead_lettered: ['cdc_events_dead_lettered_total', 'Records sent to the dead-letter topic.'],
  error: ['cdc_errors_total', 'Records that could not be published or applied.'],
  lossy: [
    'cdc_lossy_values_total',
    'Values that an event holds only in part, such as arrays without their bounds.',
  ],
};

/** Metrics of one worker, in Prometheus' text format. */
export class WorkerMetrics {
  readonly #registry = new Registry();
  readonly #counters: Readonly<Record<Counted, Counter<'connector' | 'table'>>>;
  readonly #lag: Gauge<'connector' | 'table'>;
  readonly #latency: Histogram<'connector' | 'table'>;
  readonly #taskState: Gauge<'connector' | 'state'>;
  readonly #health: Gauge<'component' | 'health'>;
  /** Values of the `table` label, per connector. */
  readonly #tables = new Map<string, Set<string>>();
  /** The tables with a count. A lag may be of all tables together. */
  readonly #counted = new Map<string, Set<string>>();

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    const counter = (what: Counted) => {
      const [name, help] = COUNTERS[what];
      return new Counter({ name, help, labelNames: LABELS, registers });
    };
    this.#counters = {
      published: counter('published'),
      consumed: counter('consumed'),
      applied: counter('applied'),
      suppressed: counter('suppressed'),
      dead_lettered: counter('dead_lettered'),
      error: counter('error'),
      lossy: counter('lossy'),
    };
    this.#lag = new Gauge({
      name: 'cdc_lag',
      help: 'What waits: bytes of WAL (source connector) or records (sink connector).',
      labelNames: LABELS,
      registers,
    });
    this.#latency = new Histogram({
      name: 'cdc_latency_seconds',
      help: 'From the commit at the source until the connector was done with the change.',
      labelNames: LABELS,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
      registers,
    });
    this.#taskState = new Gauge({
      name: 'cdc_task_state',
      help: '1 for the state that the task is in.',
      labelNames: ['connector', 'state'],
      registers,
    });
    this.#health = new Gauge({
      name: 'cdc_health',
      help: '1 for the health (ok, degraded, failed) that /health reports of the component.',
      labelNames: ['component', 'health'],
      registers,
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /**
   * The answer of `GET /metrics`.
   * @param states The state of each connector's task now.
   * @param components The components of `/health` now.
   */
  async text(states: ReadonlyMap<string, string>, components: readonly ComponentHealth[]): Promise<string> {
    this.#taskState.reset();
    for (const [connector, state] of states) this.#taskState.set({ connector, state }, 1);
    this.#health.reset();
    for (const { component, health } of components) this.#health.set({ component, health }, 1);
    return await this.#registry.metrics();
  }

  /** Tables (or topics) with a count of the connector, sorted. */
  tables(connector: string): readonly string[] {
    return [...(this.#counted.get(connector) ?? [])].sort();
  }

  /** What a task of the connector counts with. */
  forConnector(connector: string): TaskMetrics {
    const tables = setOf(this.#tables, connector);
    const counted = setOf(this.#counted, connector);
    return {
      count: (what, table, n) => {
        tables.add(table);
        counted.add(table);
        this.#counters[what].inc({ connector, table }, n);
      },
      lag: (table, n) => {
        tables.add(table);
        this.#lag.set({ connector, table }, n);
      },
      latency: (table, ms) => {
        tables.add(table);
        this.#latency.observe({ connector, table }, ms / 1000);
      },
    };
  }

  /** Removes the metrics of a deleted connector. */
  remove(connector: string): void {
    for (const table of setOf(this.#tables, connector)) {
      for (const counter of Object.values(this.#counters)) counter.remove({ connector, table });
      this.#lag.remove({ connector, table });
      this.#latency.remove({ connector, table });
    }
    this.#tables.delete(connector);
    this.#counted.delete(connector);
  }
}

function setOf(sets: Map<string, Set<string>>, key: string): Set<string> {
  const found = sets.get(key) ?? new Set<string>();
  sets.set(key, found);
  return found;
}
