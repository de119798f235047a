import type { Lsn } from '../../contract/lsn.ts';

/** A transaction that has been read to its end. */
export interface CommitMark {
  /** First byte after the commit record: with it safe, nothing up to here is needed again. */
  readonly endLsn: Lsn;
  readonly xid: number;
  readonly commitTimeUs: bigint;
  /** Table of its last published change, as `schema.table`; null where nothing of it is published. */
  readonly table: string | null;
  /** Values of the rows that it inserted into the signalling table. */
  readonly signals: readonly SignalRow[];
}

/** A row that was inserted into the signalling table. */
export interface SignalRow {
  readonly id: string;
  readonly type: string;
  readonly data: string | null;
}
