import type { ConsumedRecord, ProducedRecord } from './records.ts';

/** Capture's way out: resolves when Kafka has acknowledged (`acks=all`) every record, in order per partition. */
export interface PublishStage {
  publish(records: readonly ProducedRecord[]): Promise<void>;
}

/** Where a position goes once everything before it is acknowledged; only then is it flushed to PostgreSQL. */
export interface OffsetStage {
  store(offset: Readonly<Record<string, unknown>>): Promise<void>;
}

/** Between fetch and apply: what has been fetched waits here while the task is paused. */
export interface AdmitStage {
  /**
   * `apply`: now. `hold`: keep it, fetch no more. `skip`: count it as done without applying it
   * (no healthy stage ever says so).
   */
  admit(records: readonly ConsumedRecord[], task: { readonly paused: boolean }): 'apply' | 'hold' | 'skip';
}

export interface ApplyOutcome {
  /** Records whose effect is in the sink: rows written, deleted or truncated. */
  readonly applied: number;
  /** Delivered again or overtaken, and suppressed by the position guard or the dedup table. */
  readonly suppressed: number;
  readonly deadLettered: number;
}

/** Consecutive records of one partition that the sink applies together. */
export interface ApplyBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ConsumedRecord[];
  /** The next offset to store with them: after the last record, and after any control records that follow it. */
  readonly end: bigint;
}

/** The sink's way out: the batch's rows and its partition's next offset, in one transaction of the sink database. */
export interface ApplyStage {
  apply(batch: ApplyBatch): Promise<ApplyOutcome>;
}

/** What a planted defect may wrap. The worker plants it; no stage knows that defects exist. */
export interface Defect {
  readonly name: string;
  /** One sentence: what this pipeline gets wrong, and who has been seen to. */
  readonly description: string;
  readonly publish?: (healthy: PublishStage) => PublishStage;
  readonly offsets?: (healthy: OffsetStage) => OffsetStage;
  readonly admit?: (healthy: AdmitStage) => AdmitStage;
  readonly apply?: (healthy: ApplyStage) => ApplyStage;
}
