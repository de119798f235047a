import type { Lsn, Xid } from './lsn.ts';
import type { FastChange, Tuple } from './pgoutput.ts';
import type { Position } from './position.ts';
import type { FastRecord, ProducedRecord } from './records.ts';
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

/** Debezium's placeholder for the value of an unchanged TOAST column, which the WAL does not hold (text types). */
export const UNAVAILABLE_VALUE = '__debezium_unavailable_value';

/**
 * Header of an event in which a value has the form of that placeholder: a JSON array of the columns that hold the
 * placeholder. The values of all other columns are the source's own. Ours; Debezium has no such header.
 */
export const UNCHANGED_HEADER = 'cdc.unchanged';

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
  /** JSON array of two strings: LSN of the commit before this one (or null), and LSN of this event. */
  readonly sequence: string | null;
  readonly ts_us: number;
  readonly ts_ns: number;
  readonly schema: string;
  readonly table: string;
  readonly txId: number | null;
  readonly lsn: number | null;
  readonly xmin: number | null;
  /** Name of the replication origin, if the change was replicated to this server from another one. */
  readonly origin: string | null;
  /** Its LSN at that origin. */
  readonly origin_lsn: number | null;
}

/** An event's place in its transaction; only with `provide.transaction.metadata`. */
export interface TransactionBlock {
  /** `XID:LSN`, with the LSN of the event. */
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

/** Where and when a row was read. An event's `source` block is made from it. */
export interface EventContext {
  readonly position: Position;
  /** LSN of the WAL record, from the XLogData frame; in a snapshot its consistent point. */
  readonly lsn: Lsn;
  /** End LSN of the Commit before this transaction, the first part of `source.sequence`. Null if none is known. */
  readonly lastCommitLsn: Lsn | null;
  /** Null in a snapshot, unless it knows its transaction. */
  readonly xid: Xid | null;
  /** The database's commit time, or the time at which the snapshot was taken: microseconds since the epoch. */
  readonly commitTimeUs: bigint;
  readonly snapshot: SnapshotMarker;
  /** Called once for each event. Undefined: events have no `transaction` block. */
  readonly nextInTransaction?: () => TransactionBlock;
}

/**
 * Rows → records for Kafka: envelope, key, tombstone, headers. Pure except for the clock that stamps `ts_ms`.
 * A table is described again whenever its relation changes. Rows are read by the newest description.
 */
export interface EventEncoder {
  /** Topic of a table: `PREFIX.SCHEMA.TABLE`, with illegal characters replaced as Debezium does. */
  topicOf(schema: string, table: string): string;
  /** @throws LabError CDC-1302 if a column's type is not supported. */
  describe(table: TableDescription): void;
  read(relationOid: number, after: Tuple, context: EventContext): ProducedRecord;
  create(relationOid: number, after: Tuple, context: EventContext): ProducedRecord[];
  /**
   * `before` is null unless the old row or the old key was sent. A changed key becomes delete, tombstone and create.
   */
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
   * Fast path: makes from the row's bytes the record that {@link create}, {@link update} or {@link read} would make.
   * Undefined: fall back to one of those. The context is not kept.
   */
  encodeFast?(change: FastChange, context: EventContext): FastRecord | undefined;
}

/** A part of a value that its event does not hold. */
export interface LostPart {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  /** What is lost, such as `the bounds of an array …`. */
  readonly loss: string;
}

export interface EncoderConfig {
  readonly topicPrefix: string;
  readonly database: string;
  /** `key.converter.schemas.enable` and `value.converter.schemas.enable`. */
  readonly schemasEnable: { readonly key: boolean; readonly value: boolean };
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
  /** `hstore.handling.mode`; `json` if undefined. */
  readonly hstore?: 'json' | 'map';
  /** Injectable clock: microseconds since the epoch. */
  readonly nowUs: () => bigint;
  /** Called for each value that its event holds only in part, although no configuration key says so. */
  readonly onLoss?: (lost: LostPart) => void;
  /**
   * `extended.headers.enabled`: Debezium's `__debezium.context.*` headers on every record, with this task id and
   * run id. Undefined: no such headers.
   */
  readonly contextHeaders?: { readonly taskId: string; readonly runId: string };
}
export type CreateEventEncoder = (config: EncoderConfig) => EventEncoder;
