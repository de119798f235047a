/**
 * `pipeline/pgoutput`: reads the messages of PostgreSQL's plug-in pgoutput, protocol version 1 with text values.
 * In: one message, as an XLogData frame carries it.
 * Out: a typed message, or on the fast path the columns of a new row as places in its bytes.
 * Promises: no I/O; a message is accounted for to its last byte, or refused with CDC-1301; an error shows no value of a
 * row; the fast path reads the same row as the decoder, or leaves the message to it.
 */

import type { Lsn, Xid } from '../contract/lsn.ts';
import {
  type DecodePgOutput,
  type PgOutputMessage,
  type RelationColumn,
  type RelationMessage,
  type Tuple,
  type TupleValue,
  UNCHANGED_TOAST,
} from '../contract/pgoutput.ts';
import { Reader } from './reader.ts';

/** Microseconds from the Unix epoch to PostgreSQL's, 2000-01-01. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n;

/**
 * A decoder of pgoutput messages. Source: PostgreSQL manual, "Logical Replication Message Formats". Decoding throws
 * LabError CDC-1301 on an unknown message, flag or column kind, on text that is not UTF-8, and on missing or extra bytes.
 * @param texts `latin1`: each byte of a name or value is one character, so that text that is not UTF-8 can be looked at.
 */
export function createPgOutputDecoder(texts: 'utf8' | 'latin1' = 'utf8'): DecodePgOutput {
  const reader = new Reader(texts === 'latin1');
  return (payload) => {
    reader.reset(payload);
    try {
      const message = decode(reader);
      reader.end();
      return message;
    } finally {
      reader.release();
    }
  };
}

function decode(r: Reader): PgOutputMessage {
  const type = r.uint8('type');
  switch (type) {
    case 0x55: // U
      return update(r);
    case 0x49: // I
      return insert(r);
    case 0x44: // D
      return remove(r);
    case 0x42: // B
      return { tag: 'begin', finalLsn: lsn(r), commitTimeUs: time(r), xid: r.uint32('xid') as Xid };
    case 0x43: // C
      if (r.uint8('flags') !== 0) r.fail('commit has unknown flags');
      return { tag: 'commit', commitLsn: lsn(r), endLsn: lsn(r), commitTimeUs: time(r) };
    case 0x52: // R
      return relation(r);
    case 0x59: // Y
      return { tag: 'type', typeOid: r.uint32('oid'), schema: schema(r), name: r.string('type name') };
    case 0x54: // T
      return truncate(r);
    case 0x4f: // O
      return { tag: 'origin', originLsn: lsn(r), name: r.string('origin name') };
    case 0x4d: // M
      return logicalMessage(r);
    default:
      return r.fail(`type 0x${type.toString(16).padStart(2, '0')} is unknown`);
  }
}

function insert(r: Reader): PgOutputMessage {
  const relationOid = r.uint32('relation');
  if (r.uint8('tuple kind') !== 0x4e) r.fail('insert has no new tuple');
  return { tag: 'insert', relationOid, after: tuple(r) };
}

function update(r: Reader): PgOutputMessage {
  const relationOid = r.uint32('relation');
  let kind = r.uint8('tuple kind');
  let beforeKind: 'none' | 'key' | 'full' = 'none';
  let before: Tuple | null = null;
  if (kind === 0x4b || kind === 0x4f) {
    beforeKind = kind === 0x4b ? 'key' : 'full';
    before = tuple(r);
    kind = r.uint8('tuple kind');
  }
  if (kind !== 0x4e) r.fail('update has no new tuple');
  return { tag: 'update', relationOid, beforeKind, before, after: tuple(r) };
}

function remove(r: Reader): PgOutputMessage {
  const relationOid = r.uint32('relation');
  const kind = r.uint8('tuple kind');
  if (kind !== 0x4b && kind !== 0x4f) r.fail('delete has no old tuple');
  return { tag: 'delete', relationOid, beforeKind: kind === 0x4b ? 'key' : 'full', before: tuple(r) };
}

function tuple(r: Reader): Tuple {
  const count = r.uint16('column count');
  // Each column takes at least one byte: a larger count is damage, and must not become an allocation.
  if (count > r.remaining) r.fail('tuple is cut short');
  const values = new Array<TupleValue>(count);
  for (let i = 0; i < count; i += 1) {
    const kind = r.uint8('column kind');
    if (kind === 0x74) values[i] = r.text(r.int32('column length'), 'column value');
    else if (kind === 0x6e) values[i] = null;
    else if (kind === 0x75) values[i] = UNCHANGED_TOAST;
    else r.fail(kind === 0x62 ? 'a column is binary' : 'a column has an unknown kind');
  }
  return values;
}

const REPLICA_IDENTITY: Readonly<Record<number, RelationMessage['replicaIdentity']>> = {
  100: 'default',
  110: 'nothing',
  102: 'full',
  105: 'index',
};

function relation(r: Reader): PgOutputMessage {
  const relationOid = r.uint32('relation');
  const namespace = schema(r);
  const table = r.string('table');
  const replicaIdentity =
    REPLICA_IDENTITY[r.uint8('replica identity')] ?? r.fail('replica identity is unknown');
  const count = r.uint16('column count');
  const columns: RelationColumn[] = [];
  for (let i = 0; i < count; i += 1) {
    const flags = r.uint8('column flags');
    if (flags > 1) r.fail('a column has unknown flags');
    columns.push({
      isIdentity: flags === 1,
      name: r.string('column name'),
      typeOid: r.uint32('type'),
      typeModifier: r.int32('type modifier'),
    });
  }
  return { tag: 'relation', relationOid, schema: namespace, table, replicaIdentity, columns };
}

function truncate(r: Reader): PgOutputMessage {
  const count = r.uint32('relation count');
  const options = r.uint8('options');
  if (options > 3) r.fail('truncate has unknown options');
  if (count * 4 !== r.remaining) r.fail('truncate does not hold the relations that it counts');
  const relationOids: number[] = [];
  for (let i = 0; i < count; i += 1) relationOids.push(r.uint32('relation'));
  const cascade = (options & 1) !== 0;
  const restartIdentity = (options & 2) !== 0;
  return { tag: 'truncate', relationOids, cascade, restartIdentity };
}

function logicalMessage(r: Reader): PgOutputMessage {
  const flags = r.uint8('flags');
  if (flags > 1) r.fail('logical message has unknown flags');
  const at = lsn(r);
  const prefix = r.string('prefix');
  const content = r.bytes(r.int32('content length'), 'content');
  return { tag: 'message', transactional: flags === 1, lsn: at, prefix, content };
}

function lsn(r: Reader): Lsn {
  return r.uint64('LSN') as Lsn;
}

function time(r: Reader): bigint {
  return r.int64('timestamp') + POSTGRES_EPOCH_US;
}

/** pgoutput sends `pg_catalog` as an empty string. */
function schema(r: Reader): string {
  return r.string('schema') || 'pg_catalog';
}
