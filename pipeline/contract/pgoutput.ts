import type { Lsn, Xid } from './lsn.ts';

/** In a tuple: the column is TOASTed, was not changed, and its value is not in the WAL. */
export const UNCHANGED_TOAST: unique symbol = Symbol('unchanged TOAST value');

/** A column as pgoutput sends it: text form, NULL, or not sent. */
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
  /** LSN of the commit record: what places every change of the transaction. */
  readonly finalLsn: Lsn;
  /** Microseconds since the Unix epoch. */
  readonly commitTimeUs: bigint;
  readonly xid: Xid;
}
export interface CommitMessage {
  readonly tag: 'commit';
  readonly commitLsn: Lsn;
  /** First byte after the commit record: what may be acknowledged once all of the transaction is safe. */
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
  /** `full`: the old row (REPLICA IDENTITY FULL). `key`: the old key, others NULL; sent where the key changed. */
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

/** Bytes → message. Does no I/O; throws on bytes that it cannot account for, to the last one. */
export type DecodePgOutput = (payload: Buffer) => PgOutputMessage;

/**
 * A row as it lies in its message, for the hot path: column `i` is the text `bytes[starts[i] … ends[i])`, or NULL
 * where `ends[i]` is -1. The next call of the reader overwrites it.
 */
export interface RawRow {
  readonly bytes: Buffer;
  /** Bytes that its values take, at most: `bytes` may hold other rows, too. */
  readonly size: number;
  /** How many columns it has: the arrays may be longer. */
  readonly columns: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}
export interface RawChange {
  /** `read`: a row of a snapshot. */
  readonly tag: 'insert' | 'update' | 'read';
  readonly relationOid: number;
  readonly after: RawRow;
}

/**
 * An Insert, or an Update that brings no old row and leaves no value out, from the message that is `bytes[start … end)`,
 * for which no view has to be made. Undefined for every other message, and for what cannot be read:
 * {@link DecodePgOutput} then says what it is, or what is wrong with it.
 */
export type ReadRawChange = (bytes: Buffer, start?: number, end?: number) => RawChange | undefined;
