import type { ClientBase } from 'pg';
import type { TaskMetrics } from '../../contract/connector.ts';
import { STATS_TABLE } from '../../contract/sink-tables.ts';
import type { ApplyOutcome } from '../../contract/stages.ts';
import type { BoundBatch } from '../bind/binder.ts';
import { labelOf } from '../bind/table-name.ts';
import type { Batch } from './batch.ts';

/** Events of one table: those that changed it, and those that the guard or the dedup table suppressed. */
export interface WriteCounts {
  readonly applied: number;
  readonly suppressed: number;
}

export const NOTHING: ApplyOutcome = { applied: 0, suppressed: 0, deadLettered: 0 };

export function sum(a: ApplyOutcome, b: ApplyOutcome): ApplyOutcome {
  return {
    applied: a.applied + b.applied,
    suppressed: a.suppressed + b.suppressed,
    deadLettered: a.deadLettered + b.deadLettered,
  };
}

/** The outcome of a batch, by table. */
export class BatchCounts {
  readonly #tables = new Map<string, ApplyOutcome>();

  /**
   * @param events how many of the table's changes are events.
   * @throws Error unless each of them was either applied or suppressed: the counters would not add up.
   */
  add(table: string, { applied, suppressed }: WriteCounts, events: number): void {
    if (applied + suppressed !== events) {
      throw new Error(`${table}: ${applied} applied and ${suppressed} suppressed are not ${events} events`);
    }
    this.#tables.set(table, { applied, suppressed, deadLettered: 0 });
  }

  /** Counts dead letters with the batch's first table; with the topic's if no table changed. */
  addDeadLettered(topic: string, deadLettered: number): void {
    if (deadLettered === 0) return;
    const table = this.#tables.keys().next().value ?? labelOf(topic);
    this.#tables.set(table, sum(this.#tables.get(table) ?? NOTHING, { ...NOTHING, deadLettered }));
  }

  get total(): ApplyOutcome {
    return [...this.#tables.values()].reduce(sum, NOTHING);
  }

  /** Adds to the running totals in the sink database, in the transaction of the batch. */
  async store(client: ClientBase, connector: string, { claim }: Batch): Promise<void> {
    for (const [table, count] of this.#tables) {
      await client.query({
        name: 'cdc_stats',
        text: `INSERT INTO ${STATS_TABLE} AS s
                 (connector, table_name, topic, partition, applied, suppressed, dead_lettered)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (connector, table_name, topic, partition) DO UPDATE
                 SET applied = s.applied + EXCLUDED.applied, suppressed = s.suppressed + EXCLUDED.suppressed,
                     dead_lettered = s.dead_lettered + EXCLUDED.dead_lettered, updated_at = now()`,
        values: [
          connector,
          table,
          claim.topic,
          claim.partition,
          count.applied,
          count.suppressed,
          count.deadLettered,
        ],
      });
    }
  }

  /** Counts a committed batch in the task's metrics. */
  report(metrics: TaskMetrics, { records }: Batch, bound: BoundBatch): void {
    for (const [table, count] of this.#tables) {
      if (count.applied > 0) metrics.count('applied', table, count.applied);
      if (count.suppressed > 0) metrics.count('suppressed', table, count.suppressed);
      if (count.deadLettered > 0) metrics.count('dead_lettered', table, count.deadLettered);
    }
    const first = records[0];
    if (first !== undefined) metrics.count('consumed', labelOf(first.topic), records.length);
    for (const [table, group] of bound.tables) observeLatency(metrics, table, group.changes);
  }
}

/** Enough for a quantile; one observation per event would cost more than the event itself. */
const SAMPLES = 20;

function observeLatency(
  metrics: TaskMetrics,
  table: string,
  changes: readonly { readonly sourceTsUs: number | null; readonly fromSnapshot: boolean }[],
): void {
  const now = Date.now();
  const stride = Math.max(1, Math.floor(changes.length / SAMPLES));
  for (let i = changes.length - 1; i >= 0; i -= stride) {
    const change = changes[i];
    if (change === undefined || change.sourceTsUs === null || change.fromSnapshot) continue;
    metrics.latency(table, Math.max(0, now - change.sourceTsUs / 1_000));
  }
}
