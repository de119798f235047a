import type { Lsn } from '../../contract/lsn.ts';

/** Microseconds between the Unix epoch and PostgreSQL's, 2000-01-01. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n;

const XLOG_DATA = 0x77; // 'w'
const KEEPALIVE = 0x6b; // 'k'
const STATUS_UPDATE = 0x72; // 'r'

/** What a CopyData message holds while WAL is streamed: manual, "Streaming Replication Protocol". */
export type ReplicationFrame =
  | {
      readonly tag: 'wal';
      /** LSN of the WAL record; 0 for messages that belong to none. */
      readonly start: Lsn;
      /** End of the server's WAL when it sent this. */
      readonly serverEnd: Lsn;
      /** Where its payload begins, which goes to the end of the frame. */
      readonly payloadStart: number;
    }
  | {
      readonly tag: 'keepalive';
      readonly serverEnd: Lsn;
      readonly replyRequested: boolean;
    };

/** The frame is `bytes[at … end)`. @throws where the protocol does not know it, or it is cut short. */
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
  throw new Error(`Replication frame of ${end - at} bytes, first byte ${tag ?? 'none'}, is not known.`);
}

/**
 * Standby status update. `flushed` is what PostgreSQL may forget; for a logical slot it is the slot's
 * `confirmed_flush_lsn`. `written` and `applied` are for pg_stat_replication only.
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
