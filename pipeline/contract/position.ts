import type { Lsn } from './lsn.ts';

declare const brand: unique symbol;

/**
 * The place of a change in its source's history.
 *
 * A row's own WAL record is no guide: concurrent transactions write their records out of commit order, and all
 * rows of a COPY share one. So a change is placed by the commit, and within it by the number of the message.
 */
export interface PositionParts {
  readonly timeline: number;
  /** `final_lsn` of the transaction's Begin message; for a snapshot the consistent point of its slot. */
  readonly commitLsn: Lsn;
  /**
   * 1 for the transaction's first change (insert, update, delete, truncate; captured or not). Relation messages do
   * not count: when they are sent depends on the session. 0 is a snapshot row: at equal LSN, the stream is newer.
   */
  readonly ordinal: number;
}

/**
 * {@link PositionParts} as text: three fields of upper-case hex, 8, 16 and 8 digits wide, joined by `-`, as in
 * `00000001-00000000016B3748-0000000C`. Fixed width, so the order of the text (collation C) is the order in time.
 */
export type Position = string & { readonly [brand]: 'Position' };

/** Header of every change event: its {@link Position}, in ASCII. Tombstones carry it too. */
export const POSITION_HEADER = 'cdc.position';
