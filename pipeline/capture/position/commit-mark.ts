import type { Lsn } from '../../contract/lsn.ts';

/** The end of a transaction that has been read completely. */
export interface CommitMark {
  /** First byte after the commit record. Once the transaction is safe, no WAL before it is needed again. */
  readonly endLsn: Lsn;
  readonly xid: number;
  readonly commitTimeUs: bigint;
  /** Table of its last published change, as `schema.table`; null if none of its changes is published. */
  readonly table: string | null;
  /** Rows that it inserted into the signalling table. */
  readonly signals: readonly SignalRow[];
}

/** A row of the signalling table. */
export interface SignalRow {
  readonly id: string;
  readonly type: string;
  readonly data: string | null;
}
