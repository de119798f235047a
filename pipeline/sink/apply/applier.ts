import type { Pool, PoolClient } from 'pg';
import type { TaskContext } from '../../contract/connector.ts';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import { LabError } from '../../contract/errors.ts';
import type { ConsumedRecord } from '../../contract/records.ts';
import { STATS_TABLE } from '../../contract/sink-tables.ts';
import type { ApplyOutcome, ApplyStage } from '../../contract/stages.ts';
import { Binder, type BoundBatch, type Poison } from '../bind/binder.ts';
import { labelOf } from '../bind/identifiers.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import { RecordError } from '../decode/record-error.ts';
import type { Backoff } from './backoff.ts';
import { isDataError, isStructureError, isTransient } from './db-errors.ts';
import type { DeadLetters } from './dead-letters.ts';
import { type OffsetStore, ZombieError } from './offsets.ts';
import { Permits } from './permits.ts';
import { TableWriter, type WriteCounts } from './table-writer.ts';

/** A partition that this task owns, as the sink database has it. */
export interface Claim {
  readonly topic: string;
  readonly partition: number;
  readonly epoch: bigint;
  /** The stored next offset. */
  nextOffset: bigint;
  /** Where the batch in hand ends: what its transaction stores, whatever of it is applied. */
  batchEnd: bigint;
}

/** Some records of the batch cannot even be bound; nothing has been written. */
class PoisonFound extends Error {
  readonly poison: readonly Poison[];
  constructor(poison: readonly Poison[]) {
    super('records that cannot be applied');
    this.poison = poison;
  }
}

const NOTHING: ApplyOutcome = { applied: 0, suppressed: 0, deadLettered: 0 };

function sum(a: ApplyOutcome, b: ApplyOutcome): ApplyOutcome {
  return {
    applied: a.applied + b.applied,
    suppressed: a.suppressed + b.suppressed,
    deadLettered: a.deadLettered + b.deadLettered,
  };
}

export interface ApplierDependencies {
  readonly pool: Pool;
  readonly config: SinkConfig;
  readonly context: TaskContext;
  readonly offsets: OffsetStore;
  readonly deadLetters: DeadLetters | null;
  readonly backoff: Backoff;
}

/** Puts batches into the sink database, each with its offset in one transaction. */
export class Applier implements ApplyStage {
  readonly #deps: ApplierDependencies;
  readonly #binder: Binder;
  readonly #permits: Permits;
  readonly #claims = new Map<string, Claim>();

  constructor(deps: ApplierDependencies) {
    this.#deps = deps;
    this.#binder = new Binder(deps.config);
    // A wait for a free connection is none for the database: it must not count as its failure.
    this.#permits = new Permits(deps.config.poolSize);
  }

  /** From now on these partitions are this task's, and no others. */
  own(claims: readonly Claim[]): void {
    this.#claims.clear();
    for (const claim of claims) this.#claims.set(`${claim.topic}:${claim.partition}`, claim);
    this.#binder.forget();
  }

  /** Reads ahead, while another batch is in the database. */
  readAhead(records: readonly ConsumedRecord[]): void {
    this.#binder.readAhead(records);
  }

  async apply(topic: string, partition: number, records: readonly ConsumedRecord[]): Promise<ApplyOutcome> {
    const claim = this.#claims.get(`${topic}:${partition}`);
    if (claim === undefined) throw new ZombieError(topic, partition);
    const last = records.at(-1);
    const end = last === undefined || last.offset < claim.batchEnd ? claim.batchEnd : last.offset + 1n;
    return this.#applyRange(claim, records, end);
  }

  /** Moves a partition's stored offset without applying anything; nothing to do where it is there already. */
  async skipTo(topic: string, partition: number, end: bigint): Promise<void> {
    const claim = this.#claims.get(`${topic}:${partition}`);
    if (claim === undefined) throw new ZombieError(topic, partition);
    if (claim.nextOffset < end) await this.#applyRange(claim, [], end);
  }

  /** Applies records and stores `end`; where a record is at fault, halves the range until that one is alone. */
  async #applyRange(
    claim: Claim,
    records: readonly ConsumedRecord[],
    end: bigint,
    deadLettered = 0,
  ): Promise<ApplyOutcome> {
    try {
      return await this.#applyWithRetries(claim, records, end, deadLettered);
    } catch (error) {
      if (error instanceof PoisonFound) {
        const bad = new Set(error.poison.map((poison) => poison.record));
        const good = records.filter((record) => !bad.has(record));
        return this.#poison(claim, error.poison, good, end, deadLettered);
      }
      if (!(error instanceof RecordError) && !isDataError(error)) throw error;
      const middle = records[Math.floor(records.length / 2)];
      if (middle === undefined) throw error;
      const blamed = error instanceof Error ? error : new Error(String(error));
      if (records.length === 1) {
        return this.#poison(claim, [{ record: middle, error: blamed }], [], end, deadLettered);
      }
      const half = records.indexOf(middle);
      const first = await this.#applyRange(claim, records.slice(0, half), middle.offset, deadLettered);
      return sum(first, await this.#applyRange(claim, records.slice(half), end));
    }
  }

  /** What cannot be applied goes to the dead-letter topic; without one the task ends there, before its offset. */
  async #poison(
    claim: Claim,
    poison: readonly Poison[],
    good: readonly ConsumedRecord[],
    end: bigint,
    deadLettered: number,
  ): Promise<ApplyOutcome> {
    const { deadLetters, context } = this.#deps;
    for (const { record } of poison) context.metrics.count('error', labelOf(record.topic), 1);
    const first = poison[0];
    if (first === undefined) return NOTHING;
    if (deadLetters === null) {
      const before = good.filter((record) => record.offset < first.record.offset);
      if (before.length > 0) await this.#applyRange(claim, before, first.record.offset);
      const { topic, partition, offset } = first.record;
      throw new LabError(
        'CDC-2010',
        `record ${topic}-${partition}@${offset} cannot be applied: ${first.error.message}`,
        {
          remedy:
            'Put right what the message names and restart the task, or set errors.tolerance=all and ' +
            'errors.deadletterqueue.topic.name to set such records aside.',
          cause: first.error,
        },
      );
    }
    await deadLetters.send(poison);
    return this.#applyRange(claim, good, end, deadLettered + poison.length);
  }

  async #applyWithRetries(
    claim: Claim,
    records: readonly ConsumedRecord[],
    end: bigint,
    deadLettered: number,
  ): Promise<ApplyOutcome> {
    const { backoff } = this.#deps;
    let relearned = false;
    for (let attempt = 0; ; attempt++) {
      try {
        if (attempt > 0 && (await this.#permits.run(() => this.#committed(claim, end)))) return NOTHING;
        const outcome = await this.#permits.run(() => this.#attempt(claim, records, end, deadLettered));
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

  /** After a broken connection: had the COMMIT got through? */
  async #committed(claim: Claim, end: bigint): Promise<boolean> {
    const client = await this.#deps.pool.connect();
    let broken: Error | undefined;
    try {
      const stored = await this.#deps.offsets.read(client, claim.topic, claim.partition);
      if (stored?.epoch !== claim.epoch) throw new ZombieError(claim.topic, claim.partition);
      if (stored.nextOffset !== end || end === claim.nextOffset) return false;
      claim.nextOffset = end;
      return true;
    } catch (error) {
      broken = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async #attempt(
    claim: Claim,
    records: readonly ConsumedRecord[],
    end: bigint,
    deadLettered: number,
  ): Promise<ApplyOutcome> {
    const client = await this.#deps.pool.connect();
    let broken: Error | undefined;
    try {
      const batch = await this.#binder.bind(client, records);
      if (batch.poison.length > 0) throw new PoisonFound(batch.poison);
      return await this.#transact(client, claim, batch, records, end, deadLettered);
    } catch (error) {
      broken = isTransient(error) && error instanceof Error ? error : undefined;
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async #transact(
    client: PoolClient,
    claim: Claim,
    batch: BoundBatch,
    records: readonly ConsumedRecord[],
    end: bigint,
    deadLettered: number,
  ): Promise<ApplyOutcome> {
    const { config, context, offsets } = this.#deps;
    const at = {
      topic: claim.topic,
      partition: claim.partition,
      epoch: claim.epoch,
      expected: claim.nextOffset,
    };
    const counts = new Map<string, WriteCounts & { deadLettered: number }>();
    await client.query('BEGIN');
    try {
      await offsets.advance(client, at, end);
      const place = { topic: claim.topic, partition: claim.partition, offsets: records.map((r) => r.offset) };
      const options = { connector: context.connector, insertMode: config.insertMode, dedup: config.dedup };
      for (const name of [...batch.tables.keys()].sort()) {
        const group = batch.tables.get(name);
        if (group === undefined) continue;
        const written = await new TableWriter(client, group, options).write(place);
        counts.set(name, { ...written, deadLettered: 0 });
      }
      if (deadLettered > 0) {
        const name = counts.keys().next().value ?? labelOf(claim.topic);
        const known = counts.get(name) ?? { applied: 0, suppressed: 0 };
        counts.set(name, { applied: known.applied, suppressed: known.suppressed, deadLettered });
      }
      await this.#storeCounts(client, claim, counts);
      const held = context.crashPoints.reach(CRASH_POINTS.afterApplyBeforeCommit);
      if (held !== undefined) await held;
      await client.query('COMMIT');
    } catch (error) {
      // A connection that broke cannot roll back, and need not: the server does.
      if (!isTransient(error)) await client.query('ROLLBACK');
      throw error;
    }
    claim.nextOffset = end;
    return this.#report(batch, records, counts);
  }

  async #storeCounts(
    client: PoolClient,
    claim: Claim,
    counts: ReadonlyMap<string, WriteCounts & { deadLettered: number }>,
  ): Promise<void> {
    for (const [table, count] of counts) {
      await client.query({
        name: 'cdc_stats',
        text: `INSERT INTO ${STATS_TABLE} AS s
                 (connector, table_name, topic, partition, applied, suppressed, dead_lettered)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (connector, table_name, topic, partition) DO UPDATE
                 SET applied = s.applied + EXCLUDED.applied, suppressed = s.suppressed + EXCLUDED.suppressed,
                     dead_lettered = s.dead_lettered + EXCLUDED.dead_lettered, updated_at = now()`,
        values: [
          this.#deps.context.connector,
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

  #report(
    batch: BoundBatch,
    records: readonly ConsumedRecord[],
    counts: ReadonlyMap<string, WriteCounts & { deadLettered: number }>,
  ): ApplyOutcome {
    const { metrics } = this.#deps.context;
    let outcome = NOTHING;
    for (const [table, count] of counts) {
      outcome = sum(outcome, count);
      if (count.applied > 0) metrics.count('applied', table, count.applied);
      if (count.suppressed > 0) metrics.count('suppressed', table, count.suppressed);
      if (count.deadLettered > 0) metrics.count('dead_lettered', table, count.deadLettered);
    }
    const first = records[0];
    if (first !== undefined) metrics.count('consumed', labelOf(first.topic), records.length);
    for (const [table, group] of batch.tables) observeLatency(metrics, table, group.changes);
    return outcome;
  }
}

/** Enough for a quantile; one observation per event would cost more than the event. */
const SAMPLES = 20;

function observeLatency(
  metrics: TaskContext['metrics'],
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

/** For a log line. */
export function describeClaim(claim: Claim): string {
  return `${claim.topic}-${claim.partition}@${claim.nextOffset} (epoch ${claim.epoch})`;
}
