import type { Lsn, Xid } from './lsn.ts';

/** In a tuple: a TOASTed column that the update left alone, so that its value is not in the WAL. */
export const UNCHANGED_TOAST: unique symbol = Symbol('unchanged TOAST value');

/** A column's value as pgoutput sends it: text form, NULL, or not sent. */
export type TupleValue = string | null | typeof UNCHANGED_TOAST;
export type Tuple = readonly TupleValue[];

/** Messages of protocol version 1, as the manual's "Logical Replication Message Formats" names them. */
export type PgOutputMessage =
  | BeginMessage
  | CommitMessage
  | OriginMessage
  | RelationMessage
  | TypeMessage
  | InsertMessage
  | UpdateMessage
  | DeleteMessage
  | TruncateMessage
  | LogicalMessage;

export interface BeginMessage {
  readonly tag: 'begin';
  /** LSN of the commit record, which gives every change of the transaction its position. */
  readonly finalLsn: Lsn;
  /** Microseconds since the Unix epoch. */
  readonly commitTimeUs: bigint;
  readonly xid: Xid;
}
export interface CommitMessage {
  readonly tag: 'commit';
  readonly commitLsn: Lsn;
  /** First byte after the commit record: may be acknowledged once the whole transaction is stored safely. */
  readonly endLsn: Lsn;
  readonly commitTimeUs: bigint;
}
export interface OriginMessage {
  readonly tag: 'origin';
  readonly originLsn: Lsn;
  readonly name: string;
}
export interface RelationMessage {
  readonly tag: 'relation';
  readonly relationOid: number;
  readonly schema: string;
  readonly table: string;
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | 'index';
  readonly columns: readonly RelationColumn[];
}
export interface RelationColumn {
  /** Part of the replica identity. */
  readonly isIdentity: boolean;
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
}
export interface TypeMessage {
  readonly tag: 'type';
  readonly typeOid: number;
  readonly schema: string;
  readonly name: string;
}
export interface InsertMessage {
  readonly tag: 'insert';
  readonly relationOid: number;
  readonly after: Tuple;
}
export interface UpdateMessage {
  readonly tag: 'update';
  readonly relationOid: number;
  /**
   * `full`: the old row (REPLICA IDENTITY FULL). `key`: the old key, other columns NULL; sent only if the key
   * changed.
   */
  readonly beforeKind: 'none' | 'key' | 'full';
  readonly before: Tuple | null;
  readonly after: Tuple;
}
export interface DeleteMessage {
  readonly tag: 'delete';
  readonly relationOid: number;
  readonly beforeKind: 'key' | 'full';
  readonly before: Tuple;
}
export interface TruncateMessage {
  readonly tag: 'truncate';
  readonly relationOids: readonly number[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}
export interface LogicalMessage {
  readonly tag: 'message';
  readonly transactional: boolean;
  readonly lsn: Lsn;
  readonly prefix: string;
  readonly content: Buffer;
}

/** Bytes → message. Does no I/O. @throws Error if a single byte is not accounted for. */
export type DecodePgOutput = (payload: Buffer) => PgOutputMessage;

/**
 * Fast path: a row as it lies in its message. Column `i` is the text `bytes[starts[i] … ends[i])`, or NULL if
 * `ends[i]` is -1. The next call of the reader overwrites it.
 */
export interface FastRow {
  readonly bytes: Buffer;
  /** Upper bound of the bytes that its values take: `bytes` may hold other rows too. */
  readonly size: number;
  /** Number of columns: the arrays may be longer. */
  readonly columns: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}
/** Fast path: a new row without an old one. */
export interface FastChange {
  /** `read` is a row of a snapshot. */
  readonly tag: 'insert' | 'update' | 'read';
  readonly relationOid: number;
  readonly after: FastRow;
}

/**
 * Fast path of {@link DecodePgOutput}: reads the message `bytes[start … end)` without making a view of it. It takes
 * an Insert, or an Update without an old row and with every value. Undefined for every other message and for a
 * malformed one: fall back to {@link DecodePgOutput}, which decodes it or reports what is wrong.
 */
export type ReadFastChange = (bytes: Buffer, start?: number, end?: number) => FastChange | undefined;
