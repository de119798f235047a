/**
 * `pipeline/sink/apply`: puts batches into the sink database and finds the records that cannot be applied.
 * In: consecutive records of one partition that this task owns, and the offset after them.
 * Out: rows, tombstones, counters and the next offset in one transaction; poison records in the dead-letter topic.
 * Promises: offset and rows are committed together or not at all; a former owner of a partition cannot commit; an older
 *   position never overwrites a newer one; applied + suppressed + dead-lettered is the number of events.
 */

import type { Pool } from 'pg';
import { LabError } from '../../contract/errors.ts';
import { POSITION_HEADER } from '../../contract/position.ts';
import { messageWithoutValues } from '../../contract/postgres-said.ts';
import type { ConsumedRecord } from '../../contract/records.ts';
import type { ApplyBatch, ApplyOutcome, ApplyStage } from '../../contract/stages.ts';
import { Binder, type Poison } from '../bind/binder.ts';
import { labelOf } from '../bind/table-name.ts';
import { RecordError } from '../decode/record-error.ts';
import type { Backoff } from './backoff.ts';
import { type Batch, batchOf, halve } from './batch.ts';
import type { Claim } from './claim.ts';
import { NOTHING, sum } from './counts.ts';
import { explain, isDataError, isStructureError, isTransient } from './db-errors.ts';
import type { DeadLetters } from './dead-letters.ts';
import { logErrors } from './error-log.ts';
import { ZombieError } from './offset-store.ts';
import { Permits } from './permits.ts';
import { withClient } from './pool.ts';
import { BatchTransaction, type TransactionDependencies } from './transaction.ts';

/** The newest position of what was set aside. */
function newest({ setAside }: Batch, poison: readonly Poison[]): string {
  const positions = poison.map(({ record }) => record.headers.get(POSITION_HEADER)?.toString('latin1') ?? '');
  return positions.reduce((most, position) => (position > most ? position : most), setAside);
}

/** Some records of the batch cannot even be bound; nothing has been written. */
class PoisonFound extends Error {
  readonly poison: readonly Poison[];
  constructor(poison: readonly Poison[]) {
    super('records that cannot be applied');
    this.poison = poison;
  }
}

export interface ApplierDependencies extends TransactionDependencies {
  readonly pool: Pool;
  readonly deadLetters: DeadLetters | null;
  readonly backoff: Backoff;
}

/** The healthy apply stage. Batches of different partitions may run at the same time. */
export class Applier implements ApplyStage {
  readonly #deps: ApplierDependencies;
  readonly #binder: Binder;
  readonly #transaction: BatchTransaction;
  readonly #permits: Permits;
  readonly #claims = new Map<string, Claim>();

  constructor(deps: ApplierDependencies) {
    this.#deps = deps;
    this.#binder = new Binder(deps.config);
    this.#transaction = new BatchTransaction(deps);
    // Wait for a permit, not for a connection: a busy pool must not count as a failure of the database.
    this.#permits = new Permits(deps.config.poolSize);
  }

  /** Replaces the partitions that this task owns. */
  own(claims: readonly Claim[]): void {
    this.#claims.clear();
    for (const claim of claims) this.#claims.set(`${claim.topic}:${claim.partition}`, claim);
    this.#binder.forget();
  }

  /** Reads the next batch ahead while the database works on another one. */
  readAhead(records: readonly ConsumedRecord[]): void {
    this.#binder.readAhead(records);
  }

  /**
   * @throws ZombieError if this task does not own the partition.
   * @throws LabError CDC-2010 at a record that cannot be applied, if there is no dead-letter topic; CDC-2020 if the
   * database or the broker did not answer and the retries are used up; CDC-2021 to CDC-2026 if the database refuses.
   */
  async apply({ topic, partition, records, end }: ApplyBatch): Promise<ApplyOutcome> {
    const claim = this.#claimOf(topic, partition);
    try {
      return await this.#apply(batchOf(claim, records, end));
    } catch (error) {
      throw explain(error, `a batch of ${claim.describe()}`);
    }
  }

  /** Stores a partition's next offset without applying anything; does nothing if it is stored already. */
  async skipTo(topic: string, partition: number, end: bigint): Promise<void> {
    const claim = this.#claimOf(topic, partition);
    if (claim.nextOffset < end) await this.#apply(batchOf(claim, [], end));
  }

  #claimOf(topic: string, partition: number): Claim {
    const claim = this.#claims.get(`${topic}:${partition}`);
    if (claim === undefined) throw new ZombieError(topic, partition);
    return claim;
  }

  /** If PostgreSQL refuses a record's data, halves the batch until that record is alone: it is the poison. */
  async #apply(batch: Batch): Promise<ApplyOutcome> {
    try {
      return await this.#applyWithRetries(batch);
    } catch (error) {
      if (error instanceof PoisonFound) return this.#setAside(batch, error.poison);
      if (!(error instanceof RecordError) && !isDataError(error)) throw error;
      const [first, second] = batch.records;
      if (first === undefined) throw error;
      if (second === undefined) {
        const blamed = error instanceof Error ? error : new Error(String(error));
        return this.#setAside(batch, [{ record: first, error: blamed }]);
      }
      const [before, after] = halve(batch);
      return sum(await this.#apply(before), await this.#apply(after));
    }
  }

  /** Sends poison records to the dead-letter topic and applies the others; without one, stops at the first of them. */
  async #setAside(batch: Batch, poison: readonly Poison[]): Promise<ApplyOutcome> {
    const { config, deadLetters, context } = this.#deps;
    logErrors(context.log, config, poison);
    for (const { record } of poison) context.metrics.count('error', labelOf(record.topic), 1);
    const bad = new Set(poison.map(({ record }) => record));
    const good = batch.records.filter((record) => !bad.has(record));
    const [first] = poison;
    if (first === undefined) return NOTHING;
    if (deadLetters !== null) {
      await deadLetters.send(poison);
      const { claim, end, deadLettered } = batch;
      return this.#apply(batchOf(claim, good, end, deadLettered + poison.length, newest(batch, poison)));
    }
    const { topic, partition, offset } = first.record;
    const before = good.filter((record) => record.offset < offset);
    if (before.length > 0) await this.#apply(batchOf(batch.claim, before, offset));
    throw new LabError(
      'CDC-2010',
      `record ${topic}-${partition}@${offset} cannot be applied: ${messageWithoutValues(first.error)}`,
      {
        remedy:
          'Correct what the message names and restart the task, or set errors.tolerance=all and ' +
          'errors.deadletterqueue.topic.name to set such records aside.',
        cause: first.error,
      },
    );
  }

  async #applyWithRetries(batch: Batch): Promise<ApplyOutcome> {
    const { backoff } = this.#deps;
    let relearned = false;
    for (let attempt = 0; ; attempt++) {
      try {
        if (attempt > 0 && (await this.#permits.run(() => this.#isCommitted(batch)))) return NOTHING;
        const outcome = await this.#permits.run(() => this.#attempt(batch));
        backoff.succeeded('database');
        return outcome;
      } catch (error) {
        if (isStructureError(error) && !relearned) {
          relearned = true;
          this.#binder.forget();
        } else if (isTransient(error)) {
          await backoff.wait('database', attempt, error);
        } else {
          throw error;
        }
      }
    }
  }

  /** After a failed attempt: did its COMMIT reach the server although the answer was lost? */
  async #isCommitted({ claim, end }: Batch): Promise<boolean> {
    const stored = await withClient(this.#deps.pool, (client) =>
      this.#deps.offsets.read(client, claim.topic, claim.partition),
    );
    if (stored?.epoch !== claim.epoch) throw new ZombieError(claim.topic, claim.partition);
    if (stored.nextOffset !== end || end === claim.nextOffset) return false;
    claim.advanceTo(end);
    return true;
  }

  #attempt(batch: Batch): Promise<ApplyOutcome> {
    return withClient(this.#deps.pool, async (client) => {
      const bound = await this.#binder.bind(client, batch.records);
      if (bound.poison.length > 0) throw new PoisonFound(bound.poison);
      const counts = await this.#transaction.commit(client, batch, bound);
      counts.report(this.#deps.context.metrics, batch, bound);
      return counts.total;
    });
  }
}
