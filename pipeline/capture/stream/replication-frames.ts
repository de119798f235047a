import type { Lsn } from '../../contract/lsn.ts';

/** Microseconds between the Unix epoch and PostgreSQL's, 2000-01-01. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n;

const XLOG_DATA = 0x77; // 'w'
const KEEPALIVE = 0x6b; // 'k'
const STATUS_UPDATE = 0x72; // 'r'

/** Content of a CopyData message while WAL is streamed: manual, "Streaming Replication Protocol". */
export type ReplicationFrame =
  | {
      readonly tag: 'wal';
      /** LSN of the WAL record; 0 for messages without one. */
      readonly start: Lsn;
      /** End of the server's WAL when the server sent this frame. */
      readonly serverEnd: Lsn;
      /** Start of the payload, which runs to the end of the frame. */
      readonly payloadStart: number;
    }
  | {
      readonly tag: 'keepalive';
      readonly serverEnd: Lsn;
      readonly replyRequested: boolean;
    };

/** Parses the frame `bytes[at … end)`. @throws if the protocol does not define it, or it is cut short. */
export function parseReplicationFrame(bytes: Buffer, at = 0, end = bytes.length): ReplicationFrame {
  const tag = bytes[at];
  if (tag === XLOG_DATA && end - at >= 25) {
    return {
      tag: 'wal',
      start: bytes.readBigUInt64BE(at + 1) as Lsn,
      serverEnd: bytes.readBigUInt64BE(at + 9) as Lsn,
      payloadStart: at + 25,
    };
  }
  if (tag === KEEPALIVE && end - at === 18) {
    return {
      tag: 'keepalive',
      serverEnd: bytes.readBigUInt64BE(at + 1) as Lsn,
      replyRequested: bytes[at + 17] === 1,
    };
  }
  throw new Error(`Unknown replication frame of ${end - at} bytes, first byte ${tag ?? 'none'}.`);
}

/**
 * Encodes a standby status update. `flushed` becomes the logical slot's `confirmed_flush_lsn`: PostgreSQL may discard
 * the WAL before it. `written` and `applied` only appear in pg_stat_replication.
 */
export function standbyStatusUpdate(status: {
  readonly written: Lsn;
  readonly flushed: Lsn;
  readonly applied: Lsn;
  readonly nowMs: number;
  readonly replyRequested: boolean;
}): Buffer {
  const bytes = Buffer.allocUnsafe(34);
  bytes[0] = STATUS_UPDATE;
  bytes.writeBigUInt64BE(status.written, 1);
  bytes.writeBigUInt64BE(status.flushed, 9);
  bytes.writeBigUInt64BE(status.applied, 17);
  bytes.writeBigInt64BE(BigInt(status.nowMs) * 1000n - POSTGRES_EPOCH_US, 25);
  bytes[33] = status.replyRequested ? 1 : 0;
  return bytes;
}
