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
 * Position of an event that carries none in its headers, in the same form as `contract/position.ts`.
 *
 * Debezium's `source.sequence` holds the LSN of the last commit before this event, in commit order, which the event's own
 * LSN is not. But what it calls the last commit is the last that it streamed, and a snapshot in between lies beyond it:
 * so the later of the two counts. It is in commit order as well, for the next transaction's last commit lies behind all
 * LSNs of this one. Where they are equal the topic's offset decides. Only an event of a transaction that was open while
 * the snapshot began may lie before that, and is then taken for older.
 */
export function derivePosition(source: JsonObject, offset: bigint): string {
  let commit: bigint | null = null;
  if (typeof source.sequence === 'string') {
    try {
      const sequence: unknown = JSON.parse(source.sequence);
      if (Array.isArray(sequence)) commit = bigintOf(sequence[0]);
    } catch {
      // Another connector's form of `sequence`: the LSN below decides.
      commit = null;
    }
  }
  const own = bigintOf(source.lsn);
  const lsn = commit !== null && (own === null || commit > own) ? commit : own;
  if (lsn === null) return `00000000-${hex(offset, 16)}-${hex(0n, 8)}`;
  const isSnapshot = !['false', undefined, null].includes(source.snapshot as string | undefined | null);
  return `00000000-${hex(lsn, 16)}-${isSnapshot ? hex(0n, 8) : hex(offset, 8)}`;
}

/** A log position as PostgreSQL prints it. */
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
