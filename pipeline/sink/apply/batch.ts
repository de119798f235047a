import type { ConsumedRecord } from '../../contract/records.ts';
import type { Claim } from './claim.ts';

/** Consecutive records of one partition that one transaction applies, together with the partition's next offset. */
export interface Batch {
  readonly claim: Claim;
  readonly records: readonly ConsumedRecord[];
  /** The next offset to store: after the last record, and after any control records that follow it. */
  readonly end: bigint;
  /** Records before `end` that went to the dead-letter topic and are counted with this batch. */
  readonly deadLettered: number;
  /** The newest position among those; empty if there is none. */
  readonly setAside: string;
}

/** @throws Error if `end` is not after the last record: that record would be applied again. */
export function batchOf(
  claim: Claim,
  records: readonly ConsumedRecord[],
  end: bigint,
  deadLettered = 0,
  setAside = '',
): Batch {
  const last = records.at(-1);
  if (last !== undefined && end <= last.offset) {
    throw new Error(`a batch of ${claim.describe()} ends at ${end}, before its last record ${last.offset}`);
  }
  return { claim, records, end, deadLettered, setAside };
}

/** The two halves of a batch of at least two records; together they store what the whole would store. */
export function halve({ claim, records, end, deadLettered, setAside }: Batch): readonly [Batch, Batch] {
  const half = Math.floor(records.length / 2);
  const middle = records[half];
  if (half === 0 || middle === undefined) throw new Error('a batch of one record has no halves');
  return [
    batchOf(claim, records.slice(0, half), middle.offset, deadLettered, setAside),
    batchOf(claim, records.slice(half), end),
  ];
}
