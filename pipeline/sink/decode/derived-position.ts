import type { JsonObject } from './json.ts';

function hex(value: bigint, width: number): string {
  return BigInt.asUintN(width * 4, value)
    .toString(16)
    .toUpperCase()
    .padStart(width, '0');
}

function bigintOf(value: unknown): bigint | null {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  return typeof value === 'string' && /^\d{1,19}$/.test(value) ? BigInt(value) : null;
}

/**
 * The position of an event that has no position header (Debezium's), in the form of `contract/position.ts`.
 *
 * `source.sequence` holds the LSN of the last commit before the event. Unlike the event's own LSN, that is in commit
 * order. But Debezium's last commit is the last one that it streamed, and a snapshot taken since then is newer: so the
 * later of the two LSNs counts. That is in commit order too, because the last commit before the next transaction is
 * later than all LSNs of this one. Between equal LSNs the topic's offset decides. The one exception is an event of a
 * transaction that was open when the snapshot began: it may be placed too early, and then counts as older.
 */
export function derivePosition(source: JsonObject, offset: bigint): string {
  let commit: bigint | null = null;
  if (typeof source.sequence === 'string') {
    try {
      const sequence: unknown = JSON.parse(source.sequence);
      if (Array.isArray(sequence)) commit = bigintOf(sequence[0]);
    } catch {
      // Another connector's form of `sequence`: fall back to the event's own LSN.
      commit = null;
    }
  }
  const own = bigintOf(source.lsn);
  const lsn = commit !== null && (own === null || commit > own) ? commit : own;
  if (lsn === null) return `00000000-${hex(offset, 16)}-${hex(0n, 8)}`;
  const isSnapshot = !['false', undefined, null].includes(source.snapshot as string | undefined | null);
  return `00000000-${hex(lsn, 16)}-${isSnapshot ? hex(0n, 8) : hex(offset, 8)}`;
}

/** An LSN as PostgreSQL prints it; null if it is not one. */
export function formatLsn(lsn: unknown): string | null {
  if (typeof lsn === 'number' && lsn >= 0 && Number.isSafeInteger(lsn)) {
    const high = Math.floor(lsn / 0x1_0000_0000);
    return `${high.toString(16).toUpperCase()}/${(lsn % 0x1_0000_0000).toString(16).toUpperCase()}`;
  }
  const value = bigintOf(lsn);
  return value === null
    ? null
    : `${(value >> 32n).toString(16).toUpperCase()}/${(value & 0xffffffffn).toString(16).toUpperCase()}`;
}
