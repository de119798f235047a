import type { Lsn } from '../../../pipeline/contract/lsn.ts';

/** The numbers in the header {@link POSITION_HEADER}. No two changes of one topic have the same position. */
export interface ParsedPosition {
  readonly timeline: number;
  readonly lsnHigh: number;
  readonly lsnLow: number;
  /** Number of the change in its transaction, from 1; 0 for a row of a snapshot. */
  readonly ordinal: number;
}

const FORM = /^[0-9A-F]{8}-[0-9A-F]{16}-[0-9A-F]{8}$/;

/** Undefined if the text is not a position. */
export function parsePosition(text: string): ParsedPosition | undefined {
  if (!FORM.test(text)) return undefined;
  return {
    timeline: Number.parseInt(text.slice(0, 8), 16),
    lsnHigh: Number.parseInt(text.slice(9, 17), 16),
    lsnLow: Number.parseInt(text.slice(17, 25), 16),
    ordinal: Number.parseInt(text.slice(26), 16),
  };
}

/** The commit's LSN in the text of a position; null if the text is not one. */
export function commitLsnIn(text: string | null): Lsn | null {
  return text !== null && FORM.test(text) ? (BigInt(`0x${text.slice(9, 25)}`) as Lsn) : null;
}

/** Negative if `a` is older. */
export function comparePositions(a: ParsedPosition, b: ParsedPosition): number {
  return a.timeline - b.timeline || a.lsnHigh - b.lsnHigh || a.lsnLow - b.lsnLow || a.ordinal - b.ordinal;
}

/** Reads the position that {@link storePosition} has put into the first four words. Zeros are older than any position. */
export function positionIn(words: Uint32Array): ParsedPosition {
  const [timeline = 0, lsnHigh = 0, lsnLow = 0, ordinal = 0] = words;
  return { timeline, lsnHigh, lsnLow, ordinal };
}

export function storePosition(words: Uint32Array, position: ParsedPosition): void {
  words.set([position.timeline, position.lsnHigh, position.lsnLow, position.ordinal]);
}

/** A hash of 64 bits that tells the positions of one topic apart. */
export function wordsOf({ timeline, lsnHigh, lsnLow, ordinal }: ParsedPosition): readonly [number, number] {
  const high = (lsnLow ^ Math.imul(timeline, 0x9e3779b1)) >>> 0;
  // LSNs are multiples of eight: mixing them fills the hash table evenly.
  const low = Math.imul(
    lsnLow ^ Math.imul(ordinal + 1, 0x85ebca6b) ^ Math.imul(lsnHigh, 0xc2b2ae35),
    0x27d4eb2f,
  );
  return [high ^ ordinal, (low ^ (low >>> 15)) >>> 0];
}
