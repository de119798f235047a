// The fast path of array parameters: PostgreSQL's binary forms, made from text in plain loops, without objects.
// Source: the `_recv` functions of src/backend/utils/adt.

/** Writes a value and returns its length in bytes; {@link UNUSUAL} if the value's text does not have the usual form. */
export type ElementWriter<T> = (to: Buffer, at: number, value: T) => number;

/** The binary form of one type inside an array. */
export interface BinaryElement<T = string> {
  /** `pg_type.oid`, which `array_recv` checks. */
  readonly oid: number;
  /** An upper bound of the value's length in bytes. */
  mostBytes(value: T): number;
  /** A writer for one array; it may keep what neighbouring values have in common. */
  writer(): ElementWriter<T>;
}

/** The value must travel as text. */
const UNUSUAL = -1;
const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;

export function writeInt32(to: Buffer, at: number, value: number): number {
  to[at] = value >>> 24;
  to[at + 1] = value >>> 16;
  to[at + 2] = value >>> 8;
  to[at + 3] = value;
  return 4;
}

/** @param value a safe integer. */
function writeInt64(to: Buffer, at: number, value: number): number {
  const high = Math.floor(value / 0x1_0000_0000);
  writeInt32(to, at, high);
  writeInt32(to, at + 4, value - high * 0x1_0000_0000);
  return 8;
}

/** Up to this length a loop is faster than the call, if the string is ASCII; most strings are. */
const LOOP_MAX = 48;

function writeText(to: Buffer, at: number, value: string): number {
  const length = value.length;
  if (length > LOOP_MAX) return to.write(value, at);
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code > 0x7f) return to.write(value, at);
    to[at + i] = code;
  }
  return length;
}

const utf8Bytes = (value: string): number => value.length * 3;
export const TEXT: BinaryElement = { oid: 25, mostBytes: utf8Bytes, writer: () => writeText };
export const VARCHAR: BinaryElement = { oid: 1043, mostBytes: utf8Bytes, writer: () => writeText };

/** A whole number of at most 15 digits; NaN for any other text. */
function wholeOf(value: string): number {
  const isNegative = value.charCodeAt(0) === MINUS;
  let at = isNegative ? 1 : 0;
  if (value.length === at || value.length > at + 15) return Number.NaN;
  let number = 0;
  for (; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code < ZERO || code > NINE) return Number.NaN;
    number = number * 10 + code - ZERO;
  }
  return isNegative ? -number : number;
}

export const BIGINT: BinaryElement = {
  oid: 20,
  mostBytes: () => 8,
  writer: () => (to, at, value) => {
    const number = wholeOf(value);
    return Number.isNaN(number) ? UNUSUAL : writeInt64(to, at, number);
  },
};
export const INTEGER: BinaryElement = {
  oid: 23,
  mostBytes: () => 4,
  writer: () => (to, at, value) => {
    const number = wholeOf(value);
    return number >= -0x8000_0000 && number <= 0x7fff_ffff ? writeInt32(to, at, number) : UNUSUAL;
  },
};
export const SMALLINT: BinaryElement = {
  oid: 21,
  mostBytes: () => 2,
  writer: () => (to, at, value) => {
    const number = wholeOf(value);
    return number >= -0x8000 && number <= 0x7fff ? to.writeInt16BE(number, at) - at : UNUSUAL;
  },
};

export const BOOLEAN: BinaryElement = {
  oid: 16,
  mostBytes: () => 1,
  writer: () => (to, at, value) => {
    if (value !== 't' && value !== 'f') return UNUSUAL;
    to[at] = value === 't' ? 1 : 0;
    return 1;
  },
};

/** The value of a hexadecimal digit by its character code; 255 for any other character. */
const HEX = new Uint8Array(128).fill(255);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  HEX[text.charCodeAt(0)] = digit;
  HEX[text.toUpperCase().charCodeAt(0)] = digit;
}

export const UUID: BinaryElement = {
  oid: 2950,
  mostBytes: () => 16,
  writer: () => (to, at, value) => {
    if (value.length !== 36) return UNUSUAL;
    let end = at;
    for (let i = 0; i < 36; i += 2) {
      if (i === 8 || i === 13 || i === 18 || i === 23) {
        if (value.charCodeAt(i) !== MINUS) return UNUSUAL;
        i++;
      }
      const high = HEX[value.charCodeAt(i)] ?? 255;
      const low = HEX[value.charCodeAt(i + 1)] ?? 255;
      if (high + low > 30) return UNUSUAL;
      to[end++] = (high << 4) | low;
    }
    return 16;
  },
};

/** The number in the `digits` characters at `at`; negative if one of them is not a digit. */
function digitsOf(value: string, at: number, digits: number): number {
  let number = 0;
  for (let i = at; i < at + digits; i++) {
    const code = value.charCodeAt(i);
    if (!(code >= ZERO && code <= NINE)) return -1;
    number = number * 10 + code - ZERO;
  }
  return number;
}

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Days since 2000-01-01; NaN unless the value starts with a valid day as `YYYY-MM-DD` (years 1 to 9999). */
function daysOf(value: string): number {
  const year = digitsOf(value, 0, 4);
  const month = digitsOf(value, 5, 2);
  const day = digitsOf(value, 8, 2);
  if (year < 1 || month < 1 || day < 1 || value[4] !== '-' || value[7] !== '-') return Number.NaN;
  const inMonth = (DAYS_IN_MONTH[month - 1] ?? 0) + (month === 2 && isLeap(year) ? 1 : 0);
  if (day > inMonth) return Number.NaN;
  // As `date2j` in datetime.c: years begin in March, so that the leap day is the last day of a year.
  const y = month > 2 ? year + 4800 : year + 4799;
  const m = month > 2 ? month + 1 : month + 13;
  const century = Math.floor(y / 100);
  const julian = y * 365 - 32_167 + Math.floor(y / 4) - century + Math.floor(century / 4);
  return julian + Math.floor((7_834 * m) / 256) + day - 2_451_545;
}

/** {@link daysOf} for neighbouring values, which mostly have one day. */
function dayReader(): (value: string) => number {
  let lastDay = '';
  let lastDays = Number.NaN;
  return (value) => {
    if (lastDay === '' || !value.startsWith(lastDay)) {
      lastDay = value.slice(0, 10);
      lastDays = daysOf(lastDay);
    }
    return lastDays;
  };
}

/** Microseconds since 2000-01-01, as a timestamp is stored, from `YYYY-MM-DD?HH:MM:SS.ffffff`; NaN for other forms. */
function microsOf(value: string, end: number, days: (value: string) => number): number {
  const separator = value[10];
  if (end < 19 || (separator !== ' ' && separator !== 'T')) return Number.NaN;
  const day = days(value);
  const hour = digitsOf(value, 11, 2);
  const minute = digitsOf(value, 14, 2);
  const second = digitsOf(value, 17, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return Number.NaN;
  if (value[13] !== ':' || value[16] !== ':') return Number.NaN;
  let micros = 0;
  if (end > 19) {
    const digits = end - 20;
    micros = digitsOf(value, 20, digits);
    if (value[19] !== '.' || digits < 1 || digits > 6 || micros < 0) return Number.NaN;
    micros *= 10 ** (6 - digits);
  }
  return (((day * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micros;
}

function writeMicros(to: Buffer, at: number, micros: number): number {
  return Number.isSafeInteger(micros) ? writeInt64(to, at, micros) : UNUSUAL;
}

export const TIMESTAMP: BinaryElement = {
  oid: 1114,
  mostBytes: () => 8,
  writer: () => {
    const days = dayReader();
    return (to, at, value) => writeMicros(to, at, microsOf(value, value.length, days));
  },
};
/** In UTC: `…Z` as Debezium writes it, or `…+00`. */
export const TIMESTAMPTZ: BinaryElement = {
  oid: 1184,
  mostBytes: () => 8,
  writer: () => {
    const days = dayReader();
    return (to, at, value) => {
      const zone = value.endsWith('Z') ? 1 : value.endsWith('+00') ? 3 : Number.NaN;
      return writeMicros(to, at, microsOf(value, value.length - zone, days));
    };
  },
};

/** 2000-01-01, the epoch of PostgreSQL's timestamps, in microseconds since 1970. */
const EPOCH_US = 946_684_800_000_000;
/** A `timestamptz` from microseconds since 1970. */
export const INSTANT: BinaryElement<number> = {
  oid: TIMESTAMPTZ.oid,
  mostBytes: () => 8,
  writer: () => (to, at, micros) => writeMicros(to, at, micros - EPOCH_US),
};
