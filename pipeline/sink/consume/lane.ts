/**
 * `pipeline/sink/consume`: membership in the consumer group, and the way of each partition from a fetch to the applier.
 * In: the group's assignment, and the records of the assigned partitions that `read_committed` may see.
 * Out: batches in offset order, one lane per partition and one batch of it at a time; the group's offsets, for tools.
 * Promises: a partition starts where the sink database says, and its offset only grows; an offset that does not fit the
 *   log stops the task; what is fetched and not applied is bounded.
 */

import type { CrashPoints } from '../../contract/crash-points.ts';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import type { ConsumedRecord } from '../../contract/records.ts';
import type { AdmitStage, ApplyStage } from '../../contract/stages.ts';
import { Wake } from '../../contract/wake.ts';
import type { Applier } from '../apply/applier.ts';
import type { Claim } from '../apply/claim.ts';
import type { FetchedPartition } from './read-committed.ts';

export interface LaneDependencies {
  readonly batchSize: number;
  readonly applier: Applier;
  readonly apply: ApplyStage;
  readonly admit: AdmitStage;
  readonly crashPoints: CrashPoints;
  readonly isPaused: () => boolean;
  /** A batch is committed: the offset may be committed to the group. */
  readonly onStored: (topic: string, partition: number, offset: bigint) => void;
  /** The fetch loop should check its conditions again. */
  readonly onChange: () => void;
}

/** Long enough to cost nothing, short enough to hide a missed wake-up. */
const LOOK_AGAIN_MS = 1_000;

/** One partition's queue: applies what is fetched in order, one batch at a time. */
export class Lane {
  readonly claim: Claim;
  /** Where the next fetch starts. */
  fetchOffset: bigint;
  readonly #deps: LaneDependencies;
  readonly #changed = new Wake();
  #queue: ConsumedRecord[] = [];
  #bufferedBytes = 0;
  #cancelled = false;
  #holding = false;

  constructor(claim: Claim, deps: LaneDependencies) {
    this.claim = claim;
    this.fetchOffset = claim.nextOffset;
    this.#deps = deps;
  }

  /** True while the admit stage holds what was fetched, and no more should be fetched. */
  get isHolding(): boolean {
    return this.#holding;
  }

  /** True if another fetch may be queued. */
  get hasRoom(): boolean {
    return this.#queue.length < this.#deps.batchSize * 2;
  }

  /** Keys and values that are queued or being applied. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Kafka's timestamp of the oldest record that is not applied; null if none is queued. */
  get oldestFetchedMs(): number | null {
    return this.#queue[0]?.timestampMs ?? null;
  }

  /** Queues what a fetch returned. */
  push(fetched: FetchedPartition): void {
    if (this.#cancelled) return;
    this.#queue = this.#queue.concat(fetched.records);
    this.#bufferedBytes += bytesOf(fetched.records);
    this.fetchOffset = fetched.nextOffset;
    this.#changed.raise();
  }

  /** Makes the lane check whether it is paused. */
  wake(): void {
    this.#changed.raise();
  }

  /** Stops after the batch in flight; drops the rest. */
  cancel(): void {
    this.#cancelled = true;
    this.#changed.raise();
  }

  /** Resolves after {@link cancel} when no transaction is open any more; rejects if a batch cannot be applied. */
  async run(): Promise<void> {
    while (!this.#cancelled) {
      const isIdle = this.#queue.length === 0 && this.claim.nextOffset >= this.fetchOffset;
      if (isIdle) await this.#changed.wait(LOOK_AGAIN_MS);
      else await this.#step();
    }
  }

  async #step(): Promise<void> {
    const { admit, apply, applier, batchSize, crashPoints, isPaused, onChange, onStored } = this.#deps;
    const { topic, partition } = this.claim;
    const records = this.#queue.slice(0, batchSize);
    const end = this.#queue[batchSize]?.offset ?? this.fetchOffset;
    const verdict = admit.admit(records, { paused: isPaused() });
    this.#holding = verdict === 'hold';
    if (verdict === 'hold') {
      await this.#changed.wait(LOOK_AGAIN_MS);
      return;
    }
    if (verdict === 'apply' && records.length > 0) {
      const applying = apply.apply({ topic, partition, records, end });
      // Parse the next batch while the database works on this one.
      applier.readAhead(this.#queue.slice(batchSize, batchSize * 2));
      await applying;
    }
    await applier.skipTo(topic, partition, end);
    this.#queue = this.#queue.slice(records.length);
    this.#bufferedBytes -= bytesOf(records);
    const held = crashPoints.reach(CRASH_POINTS.afterCommitBeforeOffset);
    if (held !== undefined) await held;
    onStored(topic, partition, end);
    onChange();
  }
}

function bytesOf(records: readonly ConsumedRecord[]): number {
  return records.reduce((n, { key, value }) => n + (key?.length ?? 0) + (value?.length ?? 0), 0);
}
