// Dates and times of Debezium's events as PostgreSQL prints them: DateStyle ISO, in UTC. Years before 1 are numbered as in
// ISO 8601, with a year 0: 44 BC is -0043.

const WHOLE = /^-?\d+$/;
const ISO_DATE = /^([+-]?\d{4,})-(\d\d)-(\d\d)Z?$/;
const ISO_TIME = /^([+-]?\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z?$/;
const DAY_MICROS = 86_400_000_000n;

/** Debezium's infinite dates, in days since 1970. PostgreSQL has no such dates. */
const INFINITE_DAYS: ReadonlyMap<number, string> = new Map([
  [-2_147_472_692, 'infinity'],
  [-2_147_472_691, '-infinity'],
]);
/** Infinite timestamps of PostgreSQL's JDBC driver, in milliseconds since 1970. */
const INFINITE_MS: ReadonlyMap<bigint, string> = new Map([
  [9_223_372_036_825_200n, 'infinity'],
  [-9_223_372_036_832_400n, '-infinity'],
]);
/** The same as ISO strings of Debezium, which have whole seconds. */
const INFINITE_SECONDS: ReadonlyMap<bigint, string> = new Map([
  [9_223_372_036_825n, 'infinity'],
  [-9_223_372_036_833n, '-infinity'],
]);
/** Infinite timestamps in nanoseconds, from Debezium 3.6 on: the limits of 64 bits. */
const INFINITE_NS: ReadonlyMap<bigint, string> = new Map([
  [2n ** 63n - 1n, 'infinity'],
  [-(2n ** 63n), '-infinity'],
]);

/** The unit of a timestamp that is a number: nanoseconds, microseconds or milliseconds. */
export type TimestampUnit = 'ns' | 'us' | 'ms';

/**
 * A `date` from days since 1970, or from an ISO string.
 * @returns undefined if the value has neither form.
 */
export function dateText(value: string): string | undefined {
  const iso = ISO_DATE.exec(value);
  if (iso === null && !WHOLE.test(value)) return undefined;
  const days = iso === null ? Number(value) : daysOf(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  return INFINITE_DAYS.get(days) ?? printed(days, '');
}

/**
 * A `timestamp` from a number of the unit since 1970, or from an ISO string.
 * @returns undefined if the value has neither form.
 */
export function timestampText(value: string, unit: TimestampUnit): string | undefined {
  if (!WHOLE.test(value)) return isoTimestampText(value, '');
  const number = BigInt(value);
  if (unit === 'ns') return INFINITE_NS.get(number) ?? fromMicros(floorOf(number, 1000n), '');
  if (unit === 'ms') return INFINITE_MS.get(number) ?? fromMicros(number * 1000n, '');
  const infinite = number % 1000n === 0n ? INFINITE_MS.get(number / 1000n) : undefined;
  return infinite ?? fromMicros(number, '');
}

/**
 * A `timestamptz` from an ISO string in UTC.
 * @returns undefined if the value is not one.
 */
export function timestamptzText(value: string): string | undefined {
  return /^-?infinity$/.test(value) ? value : isoTimestampText(value, '+00');
}

function isoTimestampText(value: string, zone: string): string | undefined {
  const match = ISO_TIME.exec(value);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    ...[number, number, number],
    ...[number, number, number],
  ];
  const seconds = BigInt(daysOf(year, month, day)) * 86_400n + BigInt(hour * 3600 + minute * 60 + second);
  const micros = BigInt((match[7] ?? '').padEnd(6, '0').slice(0, 6));
  const infinite = micros === 0n ? INFINITE_SECONDS.get(seconds) : undefined;
  return infinite ?? fromMicros(seconds * 1_000_000n + micros, zone);
}

function fromMicros(micros: bigint, zone: string): string {
  const days = floorOf(micros, DAY_MICROS);
  const rest = micros - days * DAY_MICROS;
  const seconds = Number(rest / 1_000_000n);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  return printed(Number(days), ` ${clock}${fraction(rest % 1_000_000n)}${zone}`);
}

function floorOf(number: bigint, unit: bigint): bigint {
  return number >= 0n ? number / unit : -((-number + unit - 1n) / unit);
}

/** PostgreSQL prints a fraction without zeros at its end. */
function fraction(micros: bigint): string {
  return micros === 0n ? '' : `.${String(micros).padStart(6, '0').replace(/0+$/, '')}`;
}

function printed(days: number, time: string): string {
  const { year, month, day } = civilOf(days);
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0');
  return `${shown}-${two(month)}-${two(day)}${time}${year > 0 ? '' : ' BC'}`;
}

const two = (number: number): string => String(number).padStart(2, '0');

// Days since 1970-01-01 and dates of the proleptic Gregorian calendar: Howard Hinnant, "chrono-compatible low-level date
// algorithms", days_from_civil and civil_from_days. A year begins in March, and an era has 400 years.

function daysOf(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  return era * 146_097 + yearOfEra * 365 + leapDays + dayOfYear - 719_468;
}

function civilOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const since = days + 719_468;
  const era = Math.floor(since / 146_097);
  const dayOfEra = since - era * 146_097;
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return { year, month, day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1 };
}
