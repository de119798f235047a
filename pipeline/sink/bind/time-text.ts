import { ExactNumber } from '../decode/json.ts';
import { RecordError } from '../decode/record-error.ts';

// The values that the JDBC driver, and so Debezium, uses for ±infinity, in microseconds. (PGStatement.DATE_POSITIVE_INFINITY
// is in milliseconds, but Debezium does not scale it.)
const POSITIVE_INFINITY = 9_223_372_036_825_200_000n;
const NEGATIVE_INFINITY = -9_223_372_036_832_400_000n;
const MAX_INT64 = 9_223_372_036_854_775_807n;
const MAX_DATE = 2_147_483_647n;
const MIN_DATE = -2_147_483_648n;
// Debezium's infinite dates: both are long before PostgreSQL's first date, 4713 BC.
const DATE_INFINITY: Readonly<Record<string, string>> = {
  '-2147472692': 'infinity',
  '-2147472691': '-infinity',
};

function whole(value: unknown): bigint {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (value instanceof ExactNumber && /^-?\d+$/.test(value.text)) return BigInt(value.text);
  throw new RecordError(`wrong type: expected a whole number for a time, found ${typeof value}`);
}

function pad(value: bigint | number, width: number): string {
  return value.toString().padStart(width, '0');
}

/** Proleptic Gregorian date from days since 1970-01-01 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function civil(days: bigint): string {
  const z = days + 719_468n;
  const era = (z >= 0n ? z : z - 146_096n) / 146_097n;
  const dayOfEra = z - era * 146_097n;
  const yearOfEra = (dayOfEra - dayOfEra / 1_460n + dayOfEra / 36_524n - dayOfEra / 146_096n) / 365n;
  const dayOfYear = dayOfEra - (365n * yearOfEra + yearOfEra / 4n - yearOfEra / 100n);
  const mp = (5n * dayOfYear + 2n) / 153n;
  const day = dayOfYear - (153n * mp + 2n) / 5n + 1n;
  const month = mp < 10n ? mp + 3n : mp - 9n;
  const year = yearOfEra + era * 400n + (month <= 2n ? 1n : 0n);
  // PostgreSQL has no year 0: 1 BC precedes year 1.
  const shown = year > 0n ? pad(year, 4) : pad(1n - year, 4);
  return `${shown}-${pad(month, 2)}-${pad(day, 2)}${year > 0n ? '' : ' BC'}`;
}

function clock(micros: bigint): string {
  const seconds = micros / 1_000_000n;
  const rest = pad(micros % 1_000_000n, 6);
  return `${pad(seconds / 3_600n, 2)}:${pad((seconds / 60n) % 60n, 2)}:${pad(seconds % 60n, 2)}.${rest}`;
}

const DAY = 86_400_000_000n;
/** Beyond 2^53 (year 2255) a double no longer distinguishes microseconds. */
const EXACT_MAX = Number.MAX_SAFE_INTEGER;

/**
 * Fast path: `2026-01-31 12:00:00.000001` in UTC from microseconds since the epoch, from 0 to {@link EXACT_MAX}.
 * Events come in the order of their time, many in one second, so a writer keeps the text of the last second.
 */
function fastTimestampWriter(): (micros: number) => string {
  let lastSecond = -1;
  let lastText = '';
  return (micros) => {
    const second = Math.floor(micros / 1_000_000);
    if (second !== lastSecond) {
      const iso = new Date(second * 1_000).toISOString();
      lastText = `${iso.slice(0, 10)} ${iso.slice(11, 19)}.`;
      lastSecond = second;
    }
    return lastText + String(micros - second * 1_000_000).padStart(6, '0');
  };
}

function timestampText(micros: bigint): string {
  if (micros >= POSITIVE_INFINITY) return 'infinity';
  if (micros <= NEGATIVE_INFINITY) return '-infinity';
  return finiteText(micros);
}

function finiteText(micros: bigint): string {
  const days = micros >= 0n ? micros / DAY : (micros - DAY + 1n) / DAY;
  const day = civil(days);
  const time = clock(micros - days * DAY);
  return day.endsWith(' BC') ? `${day.slice(0, -3)} ${time} BC` : `${day} ${time}`;
}

/** A date from days since the epoch. */
export function date(value: unknown): string {
  const days = whole(value);
  const infinite = DATE_INFINITY[String(days)];
  if (infinite !== undefined) return infinite;
  if (days >= MAX_DATE) return 'infinity';
  return days <= MIN_DATE ? '-infinity' : civil(days);
}

/** A timestamp without time zone in units of `microsPerUnit`. */
export function timestamp(microsPerUnit: bigint): (value: unknown) => string {
  const factor = Number(microsPerUnit);
  const fast = fastTimestampWriter();
  return (value) => {
    if (typeof value === 'number' && value >= 0 && value * factor <= EXACT_MAX && Number.isInteger(value)) {
      const micros = value * factor;
      if (Number.isSafeInteger(micros)) return fast(micros);
    }
    const units = whole(value);
    if (units >= POSITIVE_INFINITY || units <= NEGATIVE_INFINITY) return timestampText(units);
    const micros = units * microsPerUnit;
    // Milliseconds reach further than microseconds: only one of them means infinity.
    return micros > POSITIVE_INFINITY ? finiteText(micros) : timestampText(micros);
  };
}

/** A timestamp from nanoseconds since the epoch; PostgreSQL keeps microseconds. The ends of 64 bits are infinite. */
export function nanoTimestamp(value: unknown): string {
  const nanos = whole(value);
  if (nanos === MAX_INT64) return 'infinity';
  return nanos === -MAX_INT64 - 1n ? '-infinity' : timestampText(nanos / 1_000n);
}

/** A time of day in units of `microsPerUnit`; PostgreSQL has a time 24:00:00. */
export function timeOfDay(microsPerUnit: bigint): (value: unknown) => string {
  return (value) => {
    const micros = whole(value) * microsPerUnit;
    if (micros < 0n || micros > DAY) throw new RecordError('the time of day is outside 00:00 to 24:00');
    return clock(micros);
  };
}

/** A time of day in nanoseconds; PostgreSQL keeps microseconds. */
export function nanoTimeOfDay(value: unknown): string {
  const nanos = whole(value);
  if (nanos < 0n || nanos > DAY * 1_000n) throw new RecordError('the time of day is outside 00:00 to 24:00');
  return clock(nanos / 1_000n);
}

/** An interval from `io.debezium.time.MicroDuration`, or from the ISO 8601 text of `interval.handling.mode=string`. */
export function duration(value: unknown): string {
  return typeof value === 'string' ? value : `${whole(value)} microseconds`;
}

/** `2026-01-31 12:00:00.000001+00` from microseconds since the epoch; null stays null. */
export function instant(micros: number | null): string | null {
  return micros === null || !Number.isSafeInteger(micros) ? null : `${timestampText(BigInt(micros))}+00`;
}
