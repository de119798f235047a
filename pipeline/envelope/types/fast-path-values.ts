import { daysFromCivil } from './date-time-text.ts';

// Fast path: PostgreSQL's text → JSON from bytes to bytes. Each function does for usual values what the mapping's
// `encode` does for every value, and gives up on the others.

/**
 * Writes the JSON of the text `from[start … end)` at `to[at]`, at most {@link MOST_MORE} bytes more than the text
 * has. Returns the end of the JSON. -1: the value is not a usual one, and the caller discards what was written.
 */
export type CopyValue = (from: Buffer, start: number, end: number, to: Buffer, at: number) => number;

/** Bytes by which the JSON of a value may exceed its text. */
export const MOST_MORE = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const COLON = 0x3a;
const DASH = 0x2d;
const SPACE = 0x20;
const PLUS = 0x2b;
const DOT = 0x2e;

/** ASCII text without a character that JSON escapes. */
export const copyText: CopyValue = (from, start, end, to, at) => {
  let place = at;
  to[place++] = QUOTE;
  for (let i = start; i < end; i++) {
    const byte = from[i] as number;
    if (byte < SPACE || byte === QUOTE || byte === BACKSLASH || byte > 0x7e) return -1;
    to[place++] = byte;
  }
  to[place++] = QUOTE;
  return place;
};

/** One of these texts, which {@link copyText} can write; gives up on every other. */
export function copyOneOf(texts: readonly string[]): CopyValue {
  const ofLength: Buffer[][] = [];
  for (const bytes of texts.map((text) => Buffer.from(text))) {
    ofLength[bytes.length] = [...(ofLength[bytes.length] ?? []), bytes];
  }
  return (from, start, end, to, at) => {
    const candidates = ofLength[end - start];
    if (candidates === undefined) return -1;
    for (let i = 0; i < candidates.length; i++) {
      if (isAt(from, start, candidates[i] as Buffer)) return copyText(from, start, end, to, at);
    }
    return -1;
  };
}

function isAt(from: Buffer, start: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) if (from[start + i] !== text[i]) return false;
  return true;
}

/** Digits, or a minus and digits. */
export const copyInteger: CopyValue = (from, start, end, to, at) => {
  let place = at;
  for (let i = start; i < end; i++) to[place++] = from[i] as number;
  return place;
};

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

export const copyBoolean: CopyValue = (from, start, _end, to, at) => {
  const word = from[start] === 0x74 ? TRUE : FALSE;
  to.set(word, at);
  return at + word.length;
};

/** `2024-02-29 18:29:59.123456+00` (UTC, a year of four digits) → `"2024-02-29T18:29:59.123456Z"`. */
export function copyZonedTimestamp(digits: number): CopyValue {
  return (from, start, end, to, at) => {
    if (from[end - 1] !== ZERO || from[end - 2] !== ZERO || from[end - 3] !== PLUS) return -1;
    const last = end - 3;
    if (!isTimestamp(from, start, last)) return -1;
    let place = at;
    to[place++] = QUOTE;
    for (let i = start; i < start + 19; i++) to[place++] = from[i] as number;
    to[at + 11] = 0x54; // T
    if (digits > 0) {
      to[place++] = DOT;
      const given = start + 20;
      for (let i = 0; i < digits; i++) to[place++] = given + i < last ? (from[given + i] as number) : ZERO;
    }
    to[place++] = 0x5a; // Z
    to[place++] = QUOTE;
    return place;
  };
}

const MOST_SECONDS = 9e9;

/** `2024-02-29 18:29:59.123456` → microseconds since the epoch. */
export const copyTimestampMicros: CopyValue = (from, start, end, to, at) => {
  if (!isTimestamp(from, start, end)) return -1;
  const seconds = secondsOf(from, start);
  // Beyond them (the year 2255) a double does not hold microseconds exactly.
  if (Math.abs(seconds) >= MOST_SECONDS) return -1;
  return writeInteger(to, at, seconds * 1e6 + microsOf(from, start + 20, end));
};

/** `2024-02-29 18:29:59.123456` → milliseconds since the epoch. */
export const copyTimestampMillis: CopyValue = (from, start, end, to, at) => {
  if (!isTimestamp(from, start, end)) return -1;
  const millis = Math.floor(microsOf(from, start + 20, end) / 1000);
  return writeInteger(to, at, secondsOf(from, start) * 1000 + millis);
};

/** `2024-02-29` → days since the epoch. */
export const copyDate: CopyValue = (from, start, end, to, at) =>
  end - start === 10 && isDate(from, start) ? writeInteger(to, at, daysOf(from, start)) : -1;

/** At most 9 digits of unscaled value fit in 32 bits. */
const MOST_DIGITS = 9;
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

/** A `numeric` with exactly `scale` digits after its point → Connect's Decimal in base64. */
export function copyDecimal(scale: number): CopyValue {
  return (from, start, end, to, at) => {
    const minus = from[start] === DASH;
    const first = minus ? start + 1 : start;
    if (end - first > MOST_DIGITS + 1) return -1;
    let value = 0;
    let fraction = -1;
    for (let i = first; i < end; i++) {
      const byte = from[i] as number;
      if (byte === DOT && fraction < 0) fraction = 0;
      else if (byte < ZERO || byte > 0x39) return -1;
      else {
        value = value * 10 + byte - ZERO;
        if (fraction >= 0) fraction++;
      }
    }
    if (Math.max(fraction, 0) !== scale || value > 0x3fffffff) return -1;
    return writeBase64(to, at, minus ? -value : value);
  };
}

/** The shortest two's complement, big-endian. */
function writeBase64(to: Buffer, at: number, value: number): number {
  const bits = 33 - Math.clz32(value < 0 ? ~value : value);
  const length = (bits + 7) >> 3;
  let place = at;
  to[place++] = QUOTE;
  for (let done = 0; done < length; done += 3) {
    const left = length - done;
    const a = byteOf(value, left - 1);
    const b = left > 1 ? byteOf(value, left - 2) : 0;
    const c = left > 2 ? byteOf(value, left - 3) : 0;
    to[place++] = BASE64[a >> 2] as number;
    to[place++] = BASE64[((a & 3) << 4) | (b >> 4)] as number;
    to[place++] = left > 1 ? (BASE64[((b & 15) << 2) | (c >> 6)] as number) : 0x3d;
    to[place++] = left > 2 ? (BASE64[c & 63] as number) : 0x3d;
  }
  to[place++] = QUOTE;
  return place;
}

function byteOf(value: number, rank: number): number {
  return (value >> (8 * rank)) & 0xff;
}

/** The digits of a whole number that a double holds exactly. Returns their end. */
export function writeInteger(to: Buffer, at: number, value: number): number {
  let place = at;
  let rest = value;
  if (rest < 0) {
    to[place++] = DASH;
    rest = -rest;
  }
  let digits = 1;
  for (let power = 10; rest >= power; power *= 10) digits++;
  const end = place + digits;
  for (let i = end - 1; i >= place; i--) {
    const next = Math.floor(rest / 10);
    to[i] = ZERO + (rest - next * 10);
    rest = next;
  }
  return end;
}

/** `dddd-dd-dd dd:dd:dd`, then nothing, or a point and one to six digits. */
function isTimestamp(from: Buffer, start: number, end: number): boolean {
  const length = end - start;
  return (
    (length === 19 || (length > 20 && length <= 26 && from[start + 19] === DOT)) &&
    isDate(from, start) &&
    from[start + 10] === SPACE &&
    from[start + 13] === COLON &&
    from[start + 16] === COLON &&
    isDigit(from[end - 1])
  );
}

function isDate(from: Buffer, start: number): boolean {
  return from[start + 4] === DASH && from[start + 7] === DASH && isDigit(from[start + 9]);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

function two(from: Buffer, at: number): number {
  return (from[at] as number) * 10 + (from[at + 1] as number) - 11 * ZERO;
}

function daysOf(from: Buffer, start: number): number {
  const year = two(from, start) * 100 + two(from, start + 2);
  return daysFromCivil(year, two(from, start + 5), two(from, start + 8));
}

function secondsOf(from: Buffer, start: number): number {
  const clock = two(from, start + 11) * 3600 + two(from, start + 14) * 60 + two(from, start + 17);
  return daysOf(from, start) * 86_400 + clock;
}

function microsOf(from: Buffer, start: number, end: number): number {
  let micros = 0;
  for (let i = 0; i < 6; i++) {
    micros = micros * 10 + (start + i < end ? (from[start + i] as number) - ZERO : 0);
  }
  return micros;
}
