/** A {@link POSITION_HEADER} in numbers: no two changes of one topic have the same. */
export interface ParsedPosition {
  readonly timeline: number;
  readonly lsnHigh: number;
  readonly lsnLow: number;
  /** 0: a row of a snapshot. */
  readonly ordinal: number;
}

const FORM = /^[0-9A-F]{8}-[0-9A-F]{16}-[0-9A-F]{8}$/;

/** Undefined where the text is no position. */
export function parsePosition(text: string): ParsedPosition | undefined {
  if (!FORM.test(text)) return undefined;
  return {
    timeline: Number.parseInt(text.slice(0, 8), 16),
    lsnHigh: Number.parseInt(text.slice(9, 17), 16),
    lsnLow: Number.parseInt(text.slice(17, 25), 16),
    ordinal: Number.parseInt(text.slice(26), 16),
  };
}

/** Below zero where the first is older. */
export function comparePositions(a: ParsedPosition, b: ParsedPosition): number {
  return a.timeline - b.timeline || a.lsnHigh - b.lsnHigh || a.lsnLow - b.lsnLow || a.ordinal - b.ordinal;
}

/** The place that {@link storePosition} put into the first four of these words; zeros: older than any. */
export function positionIn(words: Uint32Array): ParsedPosition {
  const [timeline = 0, lsnHigh = 0, lsnLow = 0, ordinal = 0] = words;
  return { timeline, lsnHigh, lsnLow, ordinal };
}

export function storePosition(words: Uint32Array, place: ParsedPosition): void {
  words.set([place.timeline, place.lsnHigh, place.lsnLow, place.ordinal]);
}

/** Two words of 32 bits that tell places of one topic apart. */
export function wordsOf({ timeline, lsnHigh, lsnLow, ordinal }: ParsedPosition): readonly [number, number] {
  const high = (lsnLow ^ Math.imul(timeline, 0x9e3779b1)) >>> 0;
  // Mixed, so that what is a multiple of eight everywhere fills the table evenly.
  const low = Math.imul(
    lsnLow ^ Math.imul(ordinal + 1, 0x85ebca6b) ^ Math.imul(lsnHigh, 0xc2b2ae35),
    0x27d4eb2f,
  );
  return [high ^ ordinal, (low ^ (low >>> 15)) >>> 0];
}
