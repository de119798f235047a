import type { CrashPoints } from '../../contract/crash-points.ts';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import type { ConsumedRecord } from '../../contract/records.ts';
import type { AdmitStage, ApplyStage } from '../../contract/stages.ts';
import { Wake } from '../../contract/wake.ts';
import type { Applier, Claim } from '../apply/applier.ts';
import type { FetchedPartition } from './fetched.ts';

export interface LaneDependencies {
  readonly batchSize: number;
  readonly applier: Applier;
  readonly apply: ApplyStage;
  readonly admit: AdmitStage;
  readonly crashPoints: CrashPoints;
  readonly isPaused: () => boolean;
  /** A batch is in the sink: the group may be told. */
  readonly onStored: (topic: string, partition: number, offset: bigint) => void;
  /** Something changed that the fetch loop looks at. */
  readonly onChange: () => void;
}

/** Long enough to cost nothing, short enough that a missed wake-up is not seen. */
const LOOK_AGAIN_MS = 1_000;

/** One partition's way from the fetch to the sink database: in order, one batch at a time. */
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

  /** True while the admit stage keeps what was fetched, and wants no more. */
  get isHolding(): boolean {
    return this.#holding;
  }

  get hasRoom(): boolean {
    return this.#queue.length < this.#deps.batchSize * 2;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(fetched: FetchedPartition): void {
    if (this.#cancelled) return;
    this.#queue = this.#queue.concat(fetched.records);
    this.#bufferedBytes += bytesOf(fetched.records);
    this.fetchOffset = fetched.nextOffset;
    this.#changed.raise();
  }

  /** Looks again at whether it is paused. */
  wake(): void {
    this.#changed.raise();
  }

  /** Drops what is not in a transaction yet. */
  cancel(): void {
    this.#cancelled = true;
    this.#changed.raise();
  }

  /** Resolves after {@link cancel}, when no transaction is open any more. */
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
    this.claim.batchEnd = end;
    if (verdict === 'apply' && records.length > 0) {
      const applying = apply.apply(topic, partition, records);
      // While the database works, the processor can: the next batch's JSON.
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
