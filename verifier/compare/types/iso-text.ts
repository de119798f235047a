import type { ToText } from './type-rule.ts';

// A copy that holds dates, times or intervals as text may have PostgreSQL's form or the ISO 8601 form of Debezium's
// events. No text has both forms, so each is brought to PostgreSQL's without a look at the value that is expected.

const MOMENT = String.raw`'^[+-]?\d{4,6}-\d\d-\d\d(T\d\d:\d\d:\d\d([.]\d{1,6})?)?Z$'`;
const CLOCK = String.raw`'^\d\d:\d\d:\d\d([.]\d{1,6})?Z$'`;
const INTERVAL = String.raw`'^P-?\d{1,8}Y-?\d{1,8}M-?\d{1,8}DT-?\d{1,8}H-?\d{1,8}M-?\d{1,8}([.]\d{1,6})?S$'`;

/** PostgreSQL prints no zeros at the end of a fraction. */
function shortest(clock: string): string {
  return String.raw`regexp_replace(${clock}, '[.]0*$|([.]\d*[1-9])0+$', '\1')`;
}

/** `2026-01-02T03:04:05.600Z` and `2026-01-02Z`. ISO 8601 has a year 0; PostgreSQL has BC. @param zone As printed. */
export function moment(zone: '' | '+00'): ToText {
  return (at) => {
    const text = `(${at})::text COLLATE "C"`;
    const part = (pattern: string) => `substring(${text} FROM ${pattern})`;
    const year = `${part(String.raw`'^[+-]?\d+'`)}::int4`;
    const shown = `(CASE WHEN ${year} > 0 THEN ${year} ELSE 1 - ${year} END)::text`;
    const clock = shortest(part("'T([0-9:.]+)'"));
    return `CASE WHEN ${text} ~ ${MOMENT} THEN concat(
        lpad(${shown}, greatest(4, length(${shown})), '0'), '-', ${part(String.raw`'-(\d\d-\d\d)[TZ]'`)},
        CASE WHEN ${text} ~ 'T' THEN concat(' ', ${clock}, '${zone}') END,
        CASE WHEN ${year} > 0 THEN '' ELSE ' BC' END)
      ELSE (${at})::text END`;
  };
}

/** `03:04:05.600Z`. */
export function clock(zone: '' | '+00'): ToText {
  return (at) =>
    `CASE WHEN (${at})::text COLLATE "C" ~ ${CLOCK} THEN concat(${shortest(`rtrim((${at})::text, 'Z')`)}, '${zone}')
      ELSE (${at})::text END`;
}

/** `P1Y2M3DT4H5M6.7S`. */
export const interval: ToText = (at) =>
  `CASE WHEN (${at})::text COLLATE "C" ~ ${INTERVAL} THEN (${at})::text::interval::text ELSE (${at})::text END`;

/** Debezium's words for the values that are no decimal number. */
export const decimal: ToText = (at) =>
  `CASE (${at})::text COLLATE "C" WHEN 'NAN' THEN 'NaN' WHEN 'POSITIVE_INFINITY' THEN 'Infinity'
     WHEN 'NEGATIVE_INFINITY' THEN '-Infinity' ELSE (${at})::text END`;
