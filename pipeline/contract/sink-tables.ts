/** Columns that every table of the sink carries beside the source's. */
export const METADATA_COLUMNS = {
  /** Operation letter of the event that wrote the row. */
  op: '_cdc_op',
  /** LSN of that event, as PostgreSQL prints one. */
  lsn: '_cdc_lsn',
  /** Its position; text, collation C. */
  position: '_cdc_position',
  /** Commit time at the source. */
  sourceTs: '_cdc_source_ts',
  /** When the capture made the event. */
  capturedAt: '_cdc_captured_at',
  /** When the sink applied it. */
  receivedAt: '_cdc_received_at',
} as const;

/** Next offset per (connector, topic, partition), bound to cluster id and topic id, with the owner's epoch. */
export const OFFSETS_TABLE = '_cdc_offsets';
/** One row per record applied, where `dedup.mode=table`: (topic, partition, offset) and the event's identity. */
export const DEDUP_TABLE = '_cdc_dedup';
/** Position of each deleted key: a replay must not bring it back. */
export const TOMBSTONES_TABLE = '_cdc_tombstones';
/** Position of each table's last TRUNCATE. */
export const TRUNCATES_TABLE = '_cdc_truncates';
/**
 * Running totals per (connector, table_name, topic, partition): `applied`, `suppressed`, `dead_lettered`; bigint each,
 * written in the transaction that they count. `table_name` is qualified (`public.customers`).
 */
export const STATS_TABLE = '_cdc_stats';
