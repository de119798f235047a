// Dates and times: PostgreSQL's text (DateStyle ISO) → Debezium's numbers and ISO strings. Years before 1 are
// numbered as in ISO 8601, with a year 0: 44 BC is -0043.

/** Debezium's infinite dates: LocalDate -5877611-06-21 and -22, which PostgreSQL cannot hold as dates. */
const DATE_INFINITY = { infinity: '-2147472692', '-infinity': '-2147472691' } as const;
/** Infinite timestamps of PostgreSQL's JDBC driver, in milliseconds since the epoch. */
const TIMESTAMP_INFINITY_MS = { infinity: '9223372036825200', '-infinity': '-9223372036832400' } as const;

const MAX_INT64 = 9_223_372_036_854_775_807n;
/** Infinite timestamps in nanoseconds, from Debezium 3.6 on. */
const NANOS_INFINITY = { infinity: String(MAX_INT64), '-infinity': String(-MAX_INT64 - 1n) } as const;
const SECONDS_PER_DAY = 86_400;

/** A point on the proleptic Gregorian calendar. */
interface DateTime {
  /** Year 0 is 1 BC. */
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** Seconds since midnight; 86,400 for `24:00`. */
  readonly second: number;
  readonly micros: number;
  /** Offset of the time zone, positive to the east; 0 if the text has none. */
  readonly offsetSeconds: number;
}

const DATE = /^(\d{4,})-(\d\d)-(\d\d)( BC)?$/;
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::(\d\d)(?::(\d\d))?)?)?$/;

/** `date` → days since the epoch. */
export function epochDays(text: string): string {
  const infinite = infinity(text, DATE_INFINITY);
  if (infinite !== null) return infinite;
  const match = DATE.exec(text);
  if (match === null) throw notISO('date', text);
  const year = match[4] === undefined ? Number(match[1]) : 1 - Number(match[1]);
  return String(daysFromCivil(year, Number(match[2]), Number(match[3])));
}

/** `time` → microseconds since midnight. */
export function timeMicros(text: string): string {
  const { second, micros } = parseTime(text);
  return String(second * 1e6 + micros);
}

/** `time` → milliseconds since midnight. */
export function timeMillis(text: string): string {
  const { second, micros } = parseTime(text);
  return String(second * 1000 + Math.floor(micros / 1000));
}

/**
 * `timetz` → ISO string in UTC, `18:29:59.5Z`. There is no date to carry into, so the time of day wraps around
 * midnight.
 */
export function zonedTime(text: string): string {
  const { second, micros, offsetSeconds } = parseTime(text);
  const utc = (((second - offsetSeconds) % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY;
  const fraction = micros === 0 ? '' : `.${String(micros).padStart(6, '0').replace(/0+$/, '')}`;
  return `"${clock(utc)}${fraction}Z"`;
}

/** `timestamp` → milliseconds since the epoch. */
export function timestampMillis(text: string): string {
  const infinite = infinity(text, TIMESTAMP_INFINITY_MS);
  if (infinite !== null) return infinite;
  const at = parseTimestamp(text);
  const seconds = epochSeconds(at);
  const millis = Math.floor(at.micros / 1000);
  // PostgreSQL's calendar ends in the year 294276, a little beyond the last millisecond that a double holds exactly.
  if (Math.abs(seconds) < 9e12) return String(seconds * 1000 + millis);
  return String(BigInt(seconds) * 1000n + BigInt(millis));
}

/**
 * `timestamp` → microseconds since the epoch.
 * @throws RangeError after 294247-01-10, which does not fit in 64 bits (in Debezium the number overflows).
 */
export function timestampMicros(text: string): string {
  const infinite = infinity(text, TIMESTAMP_INFINITY_MS);
  if (infinite !== null) return `${infinite}000`;
  const at = parseTimestamp(text);
  const seconds = epochSeconds(at);
  if (Math.abs(seconds) < 9e9) return String(seconds * 1e6 + at.micros);
  const micros = BigInt(seconds) * 1_000_000n + BigInt(at.micros);
  if (micros > MAX_INT64)
    throw new RangeError(`the timestamp ${text} does not fit in 64 bits of microseconds`);
  return String(micros);
}

/**
 * `timestamp` → nanoseconds since the epoch.
 * @throws RangeError outside of the years 1677 to 2262: 64 bits hold no more.
 */
export function timestampNanos(text: string): string {
  const infinite = infinity(text, NANOS_INFINITY);
  if (infinite !== null) return infinite;
  const nanos = BigInt(timestampMicros(text)) * 1000n;
  if (BigInt.asIntN(64, nanos) !== nanos)
    throw new RangeError(`the timestamp ${text} does not fit in 64 bits of nanoseconds`);
  return String(nanos);
}

/** `time` → nanoseconds since midnight. */
export function timeNanos(text: string): string {
  const micros = timeMicros(text);
  return micros === '0' ? micros : `${micros}000`;
}

/** `date` → `2024-02-29Z`. */
export function isoDate(text: string): string {
  const days = Number(epochDays(text));
  const { year, month, day } = civilFromDays(days);
  return `"${isoYear(year)}-${pad2(month)}-${pad2(day)}Z"`;
}

/** `time` → `23:59:59.5Z`; 24:00 becomes 00:00. */
export function isoTime(text: string): string {
  return zonedTime(text);
}

/** `timestamp` → `2024-02-29T23:59:59.5Z`. */
export function isoTimestamp(text: string): string {
  const infinite = infinity(text, TIMESTAMP_INFINITY_MS);
  const at = infinite === null ? parseTimestamp(text) : undefined;
  const seconds = at === undefined ? Math.floor(Number(infinite) / 1000) : epochSeconds(at);
  const days = Math.floor(seconds / SECONDS_PER_DAY);
  const { year, month, day } = civilFromDays(days);
  const micros = at?.micros ?? 0;
  const fraction = micros === 0 ? '' : `.${String(micros).padStart(6, '0').replace(/0+$/, '')}`;
  return `"${isoYear(year)}-${pad2(month)}-${pad2(day)}T${clock(seconds - days * SECONDS_PER_DAY)}${fraction}Z"`;
}

/** The form of most values: UTC, a year of four digits, AD. */
const USUAL_UTC = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/;

/** `timestamptz` → ISO string in UTC with `digits` digits of a second's fraction, `2024-02-29T18:29:59.123456Z`. */
export function zonedTimestamp(text: string, digits: number): string {
  const usual = USUAL_UTC.exec(text);
  if (usual !== null) return `"${usual[1]}T${usual[2]}${fractionOf(usual[3] ?? '', digits)}Z"`;
  if (text === 'infinity' || text === '-infinity') return `"${text}"`;
  const at = parseTimestamp(text);
  const seconds = epochSeconds(at);
  const days = Math.floor(seconds / SECONDS_PER_DAY);
  const { year, month, day } = civilFromDays(days);
  const date = `${isoYear(year)}-${pad2(month)}-${pad2(day)}`;
  const fraction = fractionOf(String(at.micros).padStart(6, '0'), digits);
  return `"${date}T${clock(seconds - days * SECONDS_PER_DAY)}${fraction}Z"`;
}

function fractionOf(digitsGiven: string, digits: number): string {
  return digits === 0 ? '' : `.${digitsGiven.slice(0, digits).padEnd(digits, '0')}`;
}

function parseTime(text: string): Pick<DateTime, 'second' | 'micros' | 'offsetSeconds'> {
  const match = TIME.exec(text);
  if (match === null) throw notISO('time', text);
  const [, hour, minute, second, fraction = '', sign, zoneHour, zoneMinute, zoneSecond] = match;
  const zone = Number(zoneHour ?? 0) * 3600 + Number(zoneMinute ?? 0) * 60 + Number(zoneSecond ?? 0);
  return {
    second: Number(hour) * 3600 + Number(minute) * 60 + Number(second),
    micros: Number(fraction.padEnd(6, '0')),
    offsetSeconds: sign === '-' ? -zone : zone,
  };
}

function parseTimestamp(text: string): DateTime {
  const era = text.endsWith(' BC') ? ' BC' : '';
  const space = text.indexOf(' ');
  const match = DATE.exec(text.slice(0, space));
  if (match === null) throw notISO('timestamp', text);
  const year = Number(match[1]);
  return {
    year: era === '' ? year : 1 - year,
    month: Number(match[2]),
    day: Number(match[3]),
    ...parseTime(text.slice(space + 1, text.length - era.length)),
  };
}

function epochSeconds(at: DateTime): number {
  return daysFromCivil(at.year, at.month, at.day) * SECONDS_PER_DAY + at.second - at.offsetSeconds;
}

/** Days since 1970-01-01. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const mp = Math.floor((5 * dayOfYear + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * mp + 2) / 5) + 1,
  };
}

/** ISO 8601 requires a sign before a year that has more than four digits. */
function isoYear(year: number): string {
  const digits = String(Math.abs(year)).padStart(4, '0');
  return year < 0 ? `-${digits}` : digits.length > 4 ? `+${digits}` : digits;
}

function clock(second: number): string {
  return `${pad2(Math.floor(second / 3600))}:${pad2(Math.floor(second / 60) % 60)}:${pad2(second % 60)}`;
}

function pad2(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}

function infinity(
  text: string,
  values: { readonly infinity: string; readonly '-infinity': string },
): string | null {
  return text === 'infinity' || text === '-infinity' ? values[text] : null;
}

function notISO(type: string, text: string): RangeError {
  return new RangeError(`the ${type} ${JSON.stringify(text)} is not in DateStyle ISO`);
}
