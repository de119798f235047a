import type { ConsumedRecord, ProducedRecord } from './records.ts';

/** Sends the capture's records to Kafka. */
export interface PublishStage {
  /** Resolves when Kafka has acknowledged every record (`acks=all`), in order per partition. */
  publish(records: readonly ProducedRecord[]): Promise<void>;
}

/** Stores the capture's position. */
export interface OffsetStage {
  /**
   * Called after Kafka has acknowledged everything before the position, and before the position goes to PostgreSQL.
   */
  store(offset: Readonly<Record<string, unknown>>): Promise<void>;
}

/** Decides between fetch and apply: fetched records are held while the task is paused. */
export interface AdmitStage {
  /**
   * `apply`: apply them now. `hold`: keep them, and stop fetching. `skip`: count them as done without applying them;
   * only a planted defect returns it.
   */
  admit(records: readonly ConsumedRecord[], task: { readonly paused: boolean }): 'apply' | 'hold' | 'skip';
}

/** How many records a batch applied, suppressed and dead-lettered. */
export interface ApplyOutcome {
  /** Records whose effect is in the sink: a row written or deleted, or a table truncated. */
  readonly applied: number;
  /** Records that came again or too late, and that the position guard or the dedup table suppressed. */
  readonly suppressed: number;
  /** Records that could not be applied and were sent to the dead-letter topic. */
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

/** Writes a batch's rows and its partition's next offset in one transaction of the sink database. */
export interface ApplyStage {
  apply(batch: ApplyBatch): Promise<ApplyOutcome>;
}

/** A planted defect: wraps stages to make them fail in a known way. No stage knows that defects exist. */
export interface Defect {
  readonly name: string;
  /** One sentence: what the pipeline does wrong, and where this was seen if it was. */
  readonly description: string;
  readonly publish?: (healthy: PublishStage) => PublishStage;
  readonly offsets?: (healthy: OffsetStage) => OffsetStage;
  readonly admit?: (healthy: AdmitStage) => AdmitStage;
  readonly apply?: (healthy: ApplyStage) => ApplyStage;
}
