/** Columns that every table of the sink has besides the source's. */
export const METADATA_COLUMNS = {
  /** Operation letter of the event that wrote the row. */
  op: '_cdc_op',
  /** LSN of that event, as PostgreSQL prints it. */
  lsn: '_cdc_lsn',
  /** Position of that event: text, collation C. */
  position: '_cdc_position',
  /** Time of the commit at the source. */
  sourceTs: '_cdc_source_ts',
  /** Time at which the capture made the event. */
  capturedAt: '_cdc_captured_at',
  /** Time at which the sink applied the event. */
  receivedAt: '_cdc_received_at',
} as const;

/**
 * Name of a table in the sink's own tables: `public.customers`. An identifier that has a dot, or begins with a double
 * quote, is quoted, so that no two tables have the same name. Others are not: existing entries keep their names.
 */
export function bookedName(schema: string, table: string): string {
  return `${bookedPart(schema)}.${bookedPart(table)}`;
}

function bookedPart(identifier: string): string {
  return /^"|\./.test(identifier) ? `"${identifier.replaceAll('"', '""')}"` : identifier;
}

/** Next offset per (connector, topic, partition), with the cluster's and the topic's id, and the owner's epoch. */
export const OFFSETS_TABLE = '_cdc_offsets';
/** With `dedup.mode=table` one row per applied record: (topic, partition, offset) and the event's identity. */
export const DEDUP_TABLE = '_cdc_dedup';
/** Position of each deleted key, so that a replay does not bring the row back. */
export const TOMBSTONES_TABLE = '_cdc_tombstones';
/** Position of the last TRUNCATE of each table. */
export const TRUNCATES_TABLE = '_cdc_truncates';
/**
 * Per (connector, topic, partition) the last record that ended a sweeping snapshot: the snapshot, how many partitions get
 * one, and the position before which rows are deleted once all have come; then when that was done, how many rows were
 * deleted, or why none was. `set_aside` is the newest position that went to the dead-letter topic.
 */
export const SWEEPS_TABLE = '_cdc_sweeps';
/**
 * Totals per (connector, table_name, topic, partition): `applied`, `suppressed` and `dead_lettered`, each a bigint,
 * updated in the transaction that they count. `table_name` is qualified, see {@link bookedName}.
 */
export const STATS_TABLE = '_cdc_stats';

/** The sink's own tables, in its default schema. */
export const BOOKKEEPING_TABLES: ReadonlySet<string> = new Set([
  OFFSETS_TABLE,
  DEDUP_TABLE,
  TOMBSTONES_TABLE,
  TRUNCATES_TABLE,
  SWEEPS_TABLE,
  STATS_TABLE,
]);
