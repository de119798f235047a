import type { PoolClient } from 'pg';
import type { TaskContext } from '../../contract/connector.ts';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import type { BoundBatch } from '../bind/binder.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import type { Batch } from './batch.ts';
import { BatchCounts } from './counts.ts';
import { isTransient } from './db-errors.ts';
import type { OffsetStore } from './offset-store.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { logSwept, noteSetAside, type Swept, sweep } from './sweep.ts';
import { TableWriter } from './table-writer.ts';

export interface TransactionDependencies {
  readonly config: SinkConfig;
  readonly context: TaskContext;
  readonly offsets: OffsetStore;
}

/** The transaction of a batch: its rows, marks and counters, and the partition's next offset, all or nothing. */
export class BatchTransaction {
  readonly #deps: TransactionDependencies;
  readonly #statements = new PreparedStatements();

  constructor(deps: TransactionDependencies) {
    this.#deps = deps;
  }

  /**
   * Commits a batch that is bound without poison, and moves its claim.
   * @throws ZombieError if another owner has the partition; the server's error, after a rollback.
   */
  async commit(client: PoolClient, batch: Batch, bound: BoundBatch): Promise<BatchCounts> {
    const { claim, end } = batch;
    const { config, context, offsets } = this.#deps;
    const { connector } = context;
    const { insertMode, dedup, reduce } = config;
    claim.assertGrowsTo(end);
    const counts = new BatchCounts();
    const swept: Swept[] = [];
    await client.query('BEGIN');
    try {
      await offsets.advance(client, claim, end);
      // One order for all transactions, so that no two of them wait for each other's tables.
      for (const name of [...bound.tables.keys()].sort()) {
        const group = bound.tables.get(name);
        if (group === undefined) continue;
        const writer = new TableWriter(client, this.#statements, group, {
          connector,
          insertMode,
          dedup,
          reduce,
          sweeps: bound.sweeps.some((one) => one.name.qualified === name),
        });
        counts.add(name, await writer.write(batch), group.events);
      }
      counts.addDeadLettered(claim.topic, batch.deadLettered);
      if (batch.setAside !== '') await noteSetAside(client, connector, batch);
      for (const one of bound.sweeps) {
        swept.push(await sweep(client, one, { connector, config, claim, statements: this.#statements }));
      }
      await counts.store(client, connector, batch);
      const held = context.crashPoints.reach(CRASH_POINTS.afterApplyBeforeCommit);
      if (held !== undefined) await held;
      await client.query('COMMIT');
    } catch (error) {
      // A broken connection cannot roll back, and need not: the server does it.
      if (!isTransient(error)) await client.query('ROLLBACK');
      throw error;
    }
    claim.advanceTo(end);
    for (const one of swept) logSwept(context.log, one);
    return counts;
  }
}
