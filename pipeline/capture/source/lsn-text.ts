import { LabError } from '../../contract/errors.ts';
import type { Lsn } from '../../contract/lsn.ts';
import type { Position, PositionParts } from '../../contract/position.ts';

export const ZERO_LSN = 0n as Lsn;

/** `16/B374D848` as a number. @throws LabError CDC-1001 if the text is not an LSN. */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match) {
    throw new LabError('CDC-1001', `"${text}" is not a log sequence number of PostgreSQL.`, {
      remedy: 'Write it as PostgreSQL prints it: two hexadecimal numbers and a slash, as in 16/B374D848.',
    });
  }
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn;
}

/** As PostgreSQL prints it. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}

export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}

/** The text of a position, as {@link Position} defines it. */
export function formatPosition({ timeline, commitLsn, ordinal }: PositionParts): Position {
  return `${headOf(timeline, commitLsn)}${hex(ordinal, 8)}` as Position;
}

/**
 * Writes the positions of many transactions, given each one's commit LSN. Hot path: a transaction's head is formatted
 * once, and the text of each ordinal once for all transactions, because most transactions are short.
 */
export function positionWriter(timeline: number): (commitLsn: Lsn) => (ordinal: number) => Position {
  const ordinals: string[] = [];
  const ordinalText = (ordinal: number): string => {
    if (ordinal >= MOST_ORDINALS) return hex(ordinal, 8);
    while (ordinals.length <= ordinal) ordinals.push(hex(ordinals.length, 8));
    return ordinals[ordinal] ?? hex(ordinal, 8);
  };
  return (commitLsn) => {
    const head = headOf(timeline, commitLsn);
    return (ordinal) => (head + ordinalText(ordinal)) as Position;
  };
}

/** Bounds the memory of a {@link positionWriter}. */
const MOST_ORDINALS = 65_536;

function headOf(timeline: number, commitLsn: Lsn): string {
  return `${hex(timeline, 8)}-${hex(commitLsn, 16)}-`;
}

function hex(value: number | bigint, width: number): string {
  return value.toString(16).toUpperCase().padStart(width, '0');
}
