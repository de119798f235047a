import { RecordError } from '../decode/record-error.ts';

// Debezium's ISO 8601 strings → PostgreSQL's text. ISO has a year 0 and signs; PostgreSQL has BC.

/** Debezium's infinite values under `time.precision.mode=isostring`; no column of PostgreSQL can hold them as dates. */
const INFINITE: Readonly<Record<string, string>> = {
  '-5877611-06-21Z': 'infinity',
  '-5877611-06-22Z': '-infinity',
  '+294247-01-10T04:00:25Z': 'infinity',
  '-290308-12-21T19:59:27Z': '-infinity',
};

const ISO = /^([+-]?\d{4,})-(\d\d-\d\d)(?:T(\d\d:\d\d:\d\d(?:\.\d+)?))?(Z|[+-]\d\d:\d\d)$/;

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new RecordError(`wrong type: expected ISO 8601 text, found a ${typeof value}`);
}

function converted(iso: string, withZone: boolean): string {
  const [, signed, day, time, zone] = ISO.exec(iso) ?? [];
  if (signed === undefined || zone === undefined) throw new RecordError('the text is not a date of ISO 8601');
  const year = Number(signed);
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0');
  const clock = time === undefined ? '' : ` ${time}${withZone ? zone : ''}`;
  return `${shown}-${day}${clock}${year > 0 ? '' : ' BC'}`;
}

/** `io.debezium.time.IsoDate` (`2024-02-29Z`) and `IsoTimestamp` (`2024-02-29T18:29:59.5Z`). */
export function isoDateTime(value: unknown): string {
  const iso = text(value);
  return INFINITE[iso] ?? converted(iso, false);
}

/** `io.debezium.time.IsoTime`: `18:29:59.5Z`. */
export function isoTime(value: unknown): string {
  return text(value).replace(/Z$/, '');
}

/**
 * `io.debezium.time.ZonedTimestamp`. Fast path: PostgreSQL reads a year of four digits as it is. Other years have a
 * sign, or begin with 0.
 */
export function zonedTimestamp(value: unknown): string {
  const iso = text(value);
  const first = iso.charCodeAt(0);
  if ((first >= 0x31 && first <= 0x39) || iso === 'infinity' || iso === '-infinity') return iso;
  return converted(iso, true);
}
