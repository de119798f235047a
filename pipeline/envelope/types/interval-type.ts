import { semanticNumber } from './number-types.ts';
import type { TypeContext, TypeMapping } from './type-mapping.ts';

/** `interval` under each `interval.handling.mode`. */
export function intervalType({ config }: TypeContext): TypeMapping {
  if (config.interval === 'numeric') {
    return semanticNumber('int64', 'io.debezium.time.MicroDuration', intervalMicros);
  }
  return {
    schema: { type: 'string', name: 'io.debezium.time.Interval', version: 1 },
    encode: intervalISO,
    fallback: '"P0Y0M0DT0H0M0S"',
    placeholder: null,
    computedDefault: '"P0Y0M0DT0H0M0S"',
  };
}

/** An interval as PostgreSQL prints it under IntervalStyle postgres. Each part has its own sign. */
interface Interval {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
  readonly minutes: number;
  /** With its fraction, and as text, because a double does not keep `-0.000001` exactly. */
  readonly seconds: string;
}

const INTERVAL =
  /^(?:(-?\+?\d+) years?)? ?(?:(-?\+?\d+) mons?)? ?(?:(-?\+?\d+) days?)? ?(?:([-+])?(\d+):(\d\d):(\d\d(?:\.\d+)?))?$/;

/** A month as Debezium counts it when an interval becomes a number. */
const DAYS_PER_MONTH = 365.25 / 12;

function parse(text: string): Interval {
  const match = text === '' ? null : INTERVAL.exec(text);
  if (match === null)
    throw new RangeError(`the interval ${JSON.stringify(text)} is not in IntervalStyle postgres`);
  const [, years, months, days, sign, hours, minutes, seconds] = match;
  const minus = sign === '-' ? -1 : 1;
  const exact = (seconds ?? '0').replace(/^0+(?=\d)/, '');
  return {
    years: Number(years ?? 0),
    months: Number(months ?? 0),
    days: Number(days ?? 0),
    hours: minus * Number(hours ?? 0) || 0,
    minutes: minus * Number(minutes ?? 0) || 0,
    seconds: sign === '-' && Number(exact) !== 0 ? `-${exact}` : exact,
  };
}

/**
 * Microseconds, with a month of 30.4375 days. Beyond 64 bits it is the nearest 64-bit number, as Java's cast gives.
 */
function intervalMicros(text: string): string {
  const i = parse(text);
  const days = (i.years * 12 + i.months) * DAYS_PER_MONTH + i.days;
  const seconds = ((days * 24 + i.hours) * 60 + i.minutes) * 60 + Number(i.seconds);
  const micros = BigInt(Math.trunc(seconds * 1e6));
  return String(BigInt.asIntN(64, micros) === micros ? micros : micros < 0n ? -(2n ** 63n) : 2n ** 63n - 1n);
}

/** `P1Y2M3DT4H5M6.789S`: every field is written, zeros too. */
function intervalISO(text: string): string {
  const i = parse(text);
  const seconds = i.seconds.includes('.') ? i.seconds.replace(/\.?0+$/, '') : i.seconds;
  return `"P${i.years}Y${i.months}M${i.days}DT${i.hours}H${i.minutes}M${seconds}S"`;
}
