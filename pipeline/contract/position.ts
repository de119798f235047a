import type { Lsn } from './lsn.ts';

declare const brand: unique symbol;

/**
 * The place of a change in its source's history.
 *
 * The LSN of a row's own WAL record does not order changes: concurrent transactions write their records out of commit
 * order, and many rows of a COPY share one record. So a change is placed by its commit, and there by its ordinal.
 */
export interface PositionParts {
  readonly timeline: number;
  /** `final_lsn` of the transaction's Begin message; for a snapshot the consistent point of its slot. */
  readonly commitLsn: Lsn;
  /**
   * 1 for the transaction's first change (insert, update, delete or truncate, captured or not). Relation messages do
   * not count, because it depends on the session when they are sent. 0 is a snapshot row: at the same LSN the stream
   * is newer.
   */
  readonly ordinal: number;
}

/**
 * {@link PositionParts} as text: three fields of upper-case hex, 8, 16 and 8 digits wide, joined by `-`, as in
 * `00000001-00000000016B3748-0000000C`. The width is fixed, so that the text's order (collation C) is the changes'
 * order.
 */
export type Position = string & { readonly [brand]: 'Position' };

/** Header of every change event and tombstone: its {@link Position}, in ASCII. */
export const POSITION_HEADER = 'cdc.position';
