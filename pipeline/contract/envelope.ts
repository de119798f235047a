import type { Lsn, Xid } from './lsn.ts';
import type { RawChange, Tuple } from './pgoutput.ts';
import type { Position } from './position.ts';
import type { PlacedRecord, ProducedRecord } from './records.ts';
import type { TableDescription } from './table.ts';

/** Debezium's operation letters: create, update, delete, read (snapshot), truncate, logical message. */
export type Operation = 'c' | 'u' | 'd' | 'r' | 't' | 'm';

/** `source.snapshot`, as Debezium prints it. */
export type SnapshotMarker =
  | 'first'
  | 'first_in_data_collection'
  | 'true'
  | 'last_in_data_collection'
  | 'last'
  | 'incremental'
  | 'false';

/** What Debezium writes where the WAL does not hold the value of an unchanged TOAST column (text types). */
export const UNAVAILABLE_VALUE = '__debezium_unavailable_value';

/** Headers on the delete and the create that a change of primary key becomes. */
export const NEW_KEY_HEADER = '__debezium.newkey';
export const OLD_KEY_HEADER = '__debezium.oldkey';

/** Debezium's `source` block for PostgreSQL. */
export interface SourceBlock {
  readonly version: string;
  readonly connector: 'postgresql';
  readonly name: string;
  readonly ts_ms: number;
  readonly snapshot: SnapshotMarker;
  readonly db: string;
  /** JSON array of two strings: LSN of the last commit before this one (or null), LSN of this event. */
  readonly sequence: string | null;
  readonly ts_us: number;
  readonly ts_ns: number;
  readonly schema: string;
  readonly table: string;
  readonly txId: number | null;
  readonly lsn: number | null;
  readonly xmin: number | null;
  /** Where another server's change was replicated to this one: its origin's name and LSN there. */
  readonly origin: string | null;
  readonly origin_lsn: number | null;
}

/** An event's place in its transaction; only under `provide.transaction.metadata`. */
export interface TransactionBlock {
  /** `XID:LSN`, the LSN that of the event. */
  readonly id: string;
  readonly total_order: number;
  readonly data_collection_order: number;
}

export interface ChangeEvent {
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly source: SourceBlock;
  readonly transaction: TransactionBlock | null;
  readonly op: Operation;
  readonly ts_ms: number;
  readonly ts_us: number;
  readonly ts_ns: number;
}

/** Where and when a row was read: what an event's `source` block is made of. */
export interface EventContext {
  readonly position: Position;
  /** LSN of the WAL record, from the XLogData frame; for a snapshot its consistent point. */
  readonly lsn: Lsn;
  /** End LSN of the Commit before this transaction, which comes first in `source.sequence`; null where none is known. */
  readonly lastCommitLsn: Lsn | null;
  /** Null in a snapshot that cannot know it. */
  readonly xid: Xid | null;
  /** The database's commit time; for a snapshot the time at which it was taken. Microseconds since the epoch. */
  readonly commitTimeUs: bigint;
  readonly snapshot: SnapshotMarker;
  /** Called once for each event that is made. Left out: events do not say their transaction. */
  readonly nextInTransaction?: () => TransactionBlock;
}

/**
 * Rows → records for Kafka: envelope, key, tombstone, headers. Pure but for the clock that stamps `ts_ms`.
 * The table is described anew whenever its relation changes, and a row is always read by the newest description.
 */
export interface EventEncoder {
  /** Topic of a table: `PREFIX.SCHEMA.TABLE`, made legal as Debezium does. */
  topicOf(schema: string, table: string): string;
  /** @throws where a column's type is not supported, naming it. */
  describe(table: TableDescription): void;
  read(relationOid: number, after: Tuple, context: EventContext): ProducedRecord;
  create(relationOid: number, after: Tuple, context: EventContext): ProducedRecord[];
  /** `before` is null unless the old row or old key was sent. A changed key gives delete, tombstone and create. */
  update(
    relationOid: number,
    before: Tuple | null,
    beforeKind: 'none' | 'key' | 'full',
    after: Tuple,
    context: EventContext,
  ): ProducedRecord[];
  delete(
    relationOid: number,
    before: Tuple,
    beforeKind: 'key' | 'full',
    context: EventContext,
  ): ProducedRecord[];
  truncate(relationOid: number, context: EventContext): ProducedRecord[];
  /**
   * The same record as {@link create}, {@link update} or {@link read} makes of that row, from its bytes: hot path.
   * Undefined where the row has to go through one of those. The context is not kept.
   */
  raw?(change: RawChange, context: EventContext): PlacedRecord | undefined;
}

export interface EncoderConfig {
  readonly topicPrefix: string;
  readonly database: string;
  readonly schemasEnable: boolean;
  readonly tombstonesOnDelete: boolean;
  readonly unavailableValue: string;
  /** `decimal.handling.mode`. */
  readonly decimals: 'precise' | 'double' | 'string';
  /** `time.precision.mode`. */
  readonly time:
    | 'adaptive'
    | 'adaptive_time_microseconds'
    | 'connect'
    | 'isostring'
    | 'microseconds'
    | 'nanoseconds';
  /** `binary.handling.mode`. */
  readonly binary: 'bytes' | 'base64' | 'base64-url-safe' | 'hex';
  /** `interval.handling.mode`. */
  readonly interval: 'numeric' | 'string';
  /** `hstore.handling.mode`; left out: `json`. */
  readonly hstore?: 'json' | 'map';
  /** Injectable clock: microseconds since the epoch. */
  readonly nowUs: () => bigint;
  /**
   * `extended.headers.enabled`: Debezium's `__debezium.context.*` headers on every record, with this task id and
   * run id. Left out, there are none.
   */
  readonly contextHeaders?: { readonly taskId: string; readonly runId: string };
}
export type CreateEventEncoder = (config: EncoderConfig) => EventEncoder;
