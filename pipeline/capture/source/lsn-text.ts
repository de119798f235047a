import { LabError } from '../../contract/errors.ts';
import type { Lsn } from '../../contract/lsn.ts';
import type { Position, PositionParts } from '../../contract/position.ts';

export const ZERO_LSN = 0n as Lsn;

/** `16/B374D848` → number of the byte. @throws LabError on anything that is no LSN. */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match) {
    throw new LabError('CDC-1001', `"${text}" is not a log sequence number of PostgreSQL.`, {
      remedy: 'Give it as PostgreSQL prints it: two hexadecimal numbers with a slash, as in 16/B374D848.',
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

/** Text of a position, as {@link Position} defines it. */
export function formatPosition(parts: PositionParts): Position {
  return createPositionWriter(parts.timeline, parts.commitLsn)(parts.ordinal);
}

/** Positions of one transaction: the timeline and the commit are written once, each ordinal is appended. */
export function createPositionWriter(timeline: number, commitLsn: Lsn): (ordinal: number) => Position {
  const head = `${hex(timeline, 8)}-${hex(commitLsn, 16)}-`;
  return (ordinal) => (head + ordinalText(ordinal)) as Position;
}

/** Hot path: most transactions are short, so their ordinals' texts are made once. */
const ordinalTexts: string[] = [];

function ordinalText(ordinal: number): string {
  if (ordinal >= 65_536) return hex(ordinal, 8);
  while (ordinalTexts.length <= ordinal) ordinalTexts.push(hex(ordinalTexts.length, 8));
  return ordinalTexts[ordinal] ?? hex(ordinal, 8);
}

function hex(value: number | bigint, width: number): string {
  return value.toString(16).toUpperCase().padStart(width, '0');
}
