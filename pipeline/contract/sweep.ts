/**
 * Header of a record that ends the snapshot of a table in one partition of its topic: a {@link Sweep} as JSON. The record
 * has no value, and a key that is null to Kafka Connect, so that other consumers take it for a tombstone of no row.
 */
export const SWEEP_HEADER = 'cdc.sweep';

/**
 * A snapshot has read all rows of a table, and this partition has them. Once all partitions say so, a row of the sink whose
 * position is older than the snapshot was not in the table any more.
 */
export interface Sweep {
  /** Id of the snapshot's job. */
  readonly snapshot: string;
  /** How many partitions of the topic get this record. */
  readonly partitions: number;
  /** The snapshot's position, or of the first part of it if it was interrupted. */
  readonly before: string;
  /** Names of the key's columns, in the order of the record keys. */
  readonly key: readonly string[];
  /** The fields of an event's `source` block that name the table: `name`, `db`, `schema`, `table`. */
  readonly source: Readonly<Record<string, string>>;
}
