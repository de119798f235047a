import type { Column } from '../../observe/source/catalogue.ts';
import type { ToText } from './type-rule.ts';

// Texts of values that do not depend on the type that holds the value. Used where the types of the two sides differ.

/** The text that the type prints. A cast to text may print another one: `inet` adds a mask, `xml` a declaration. */
export const printed: ToText = (at, { type }) => {
  if (type === 'char') return byteText(at);
  if (['text', 'varchar', 'name', 'citext', 'int2', 'int4', 'int8', 'numeric', 'uuid'].includes(type)) {
    return `(${at})::text`;
  }
  // For a row with NULL in it, neither IS NULL nor IS NOT NULL is true.
  return `CASE WHEN num_nulls(${at}) = 0 THEN concat(${at}) END`;
};

/** The one-byte type "char", with a byte beyond ASCII as `\ooo`. PostgreSQL prints it like that since version 15. */
export function byteText(at: string): string {
  const digits = [64, 8, 1].map((unit) => `(${at}::int4 + 256) / ${unit} % 8`).join(', ');
  return `CASE WHEN ${at}::int4 < 0 THEN concat(chr(92), ${digits}) ELSE ${at}::text END`;
}

/** A text without the blanks at its end, which do not count in `char(n)`. */
export const unpadded: ToText = (at) => `rtrim((${at})::text, ' ')`;

/** A number without zeros at its end. A text that is no number is left as it is. */
export const number: ToText = (at, { type }) => {
  switch (type) {
    case 'numeric':
      return `trim_scale(${at})::text`;
    case 'money':
      return `trim_scale((${at})::numeric)::text`;
    case 'float4':
    case 'float8':
      // A cast of a float to numeric keeps 15 digits, its text keeps all. Before 14, a numeric cannot be infinite.
      return `CASE WHEN ${at} IN ('NaN', 'Infinity', '-Infinity') THEN (${at})::text
        ELSE trim_scale((${at})::text::numeric)::text END`;
    case 'text':
    case 'varchar':
    case 'citext':
      return `CASE WHEN (${at})::text COLLATE "C" ~ '^-?[$]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)([.][0-9]+)?([eE][+-]?[0-9]{1,3})?$'
        THEN trim_scale(translate((${at})::text, '$,', '')::numeric)::text ELSE (${at})::text END`;
    default:
      return `(${at})::text`;
  }
};

/** A float8 that holds a whole number: all digits of it, also those that its text rounds off. */
export const wholeFloat: ToText = (at, column) =>
  `CASE WHEN ${at} >= '-9223372036854775808'::float8 AND ${at} < '9223372036854775808'::float8 AND ${at} = trunc(${at})
     THEN (${at})::int8::text ELSE ${number(at, column)} END`;

/**
 * The float8 copy of a float4. The `float4` 0.1 arrives as 0.1 if it was sent as text, and as 0.10000000149011612 if it was
 * sent as a number: both are printed as 0.1. Every other value is printed in full.
 */
export const widenedFloat: ToText = (at) =>
  `CASE WHEN abs(${at}) BETWEEN 1.4e-45 AND 3.4028235e38
     THEN CASE WHEN ${at} IN ((${at})::float4::float8, (${at})::float4::text::float8)
       THEN (${at})::float4::text ELSE (${at})::text END
     ELSE (${at})::text END`;

/** The float4 copy of a float8: the digits that it prints, as a float8 prints them. */
export const shortFloat: ToText = (at) => `(${at})::text::float8::text`;

/** `true` or `false`, also for the words that a text may hold instead. */
export const truth: ToText = (at, { type }) =>
  type === 'bool'
    ? `(${at})::text`
    : `CASE (${at})::text WHEN 't' THEN 'true' WHEN 'f' THEN 'false' ELSE (${at})::text END`;

/** `1` or `0`. */
export const truthDigit: ToText = (at, column) =>
  column.type === 'bool' ? `(${at})::int4::text` : printed(at, column);

/** A date or a time stamp as a moment in UTC. The last date is later than the last time stamp. */
export const moment: ToText = (at, { type }) => {
  if (type === 'timestamptz') return `(${at})::text`;
  if (type === 'timestamp') return `(${at} AT TIME ZONE 'UTC')::text`;
  return `CASE WHEN isfinite(${at}) AND ${at} > '294276-12-31' THEN (${at})::text
    ELSE ((${at})::timestamp AT TIME ZONE 'UTC')::text END`;
};

/** A time of day. That of a time zone other than UTC keeps the zone. */
export const timeOfDay: ToText = (at, { type }) =>
  type === 'time' ? `(${at})::text` : `regexp_replace((${at})::text, '[+]00$', '')`;

/** Microseconds, as Debezium sends an interval. Days and months have no fixed length: they are printed as they are. */
export const microseconds: ToText = (at, { type }) =>
  type !== 'interval'
    ? `(${at})::text`
    : `CASE WHEN extract(day FROM ${at}) = 0 AND extract(month FROM ${at}) = 0 AND extract(year FROM ${at}) = 0
     THEN (extract(hour FROM ${at})::int8 * 3600000000 + extract(minute FROM ${at})::int8 * 60000000
       + extract(microseconds FROM ${at})::int8)::text ELSE (${at})::text END`;

/** An address with its mask, unless the mask is that of a single host. */
export const address: ToText = (at) => {
  const text = `(${at})::text COLLATE "C"`;
  return `CASE WHEN ${text} ~ '^[0-9.]+/32$' THEN left((${at})::text, -3)
    WHEN ${text} ~ ':.*/128$' THEN left((${at})::text, -4) ELSE (${at})::text END`;
};

export const macaddr8: ToText = (at) => `(${at})::macaddr8::text`;

/** The bytes of a text in UTF-8, or of a bytea, as hexadecimal digits. */
export const bytes: ToText = (at, { type }) =>
  type === 'bytea' ? `encode(${at}, 'hex')` : `encode(convert_to((${at})::text, 'UTF8'), 'hex')`;

/** `\u0000`, which no jsonb can hold. An even number of backslashes before it would be literal ones. */
const JSON_ZERO = String.raw`'(^|[^\\])(\\\\)*\\u0000'`;

/** A JSON value as `jsonb` prints it: blanks and the order of keys do not count. */
export const jsonValue: ToText = (at, { type }) =>
  type === 'json'
    ? `CASE WHEN (${at})::text ~ ${JSON_ZERO} THEN (${at})::text ELSE (${at})::jsonb::text END`
    : `(${at})::jsonb::text`;

/** An array as JSON. */
export const jsonArray: ToText = (at) => `to_jsonb(${at})::text`;

/** A `json` whose copy is a `jsonb`. If a key occurs twice, all but the last of its values are lost: print all of it. */
export const jsonWithKeys: ToText = (at) =>
  `CASE WHEN (${at})::text ~ ${JSON_ZERO} OR ${valuesIn(`(${at})::json`, 'json')} <> ${valuesIn(`(${at})::jsonb`, 'jsonb')}
     THEN (${at})::text ELSE (${at})::jsonb::text END`;

/** Number of values in a JSON document, itself included. */
function valuesIn(document: string, type: 'json' | 'jsonb'): string {
  const when = (kind: string, empty: string) =>
    `CASE WHEN ${type}_typeof(within.value) = '${kind}' THEN within.value ELSE '${empty}'::${type} END`;
  return `(WITH RECURSIVE within(value) AS (
      SELECT ${document}
      UNION ALL
      SELECT inner_value FROM within, LATERAL (
        SELECT value FROM ${type}_each(${when('object', '{}')})
        UNION ALL SELECT value FROM ${type}_array_elements(${when('array', '[]')})) AS inner_values(inner_value)
    ) SELECT count(*) FROM within)`;
}

/** The elements of an array, each by the rule of its type, with the array's bounds. */
export function elements(each: ToText): ToText {
  return (at, column) =>
    `CASE WHEN num_nulls(${at}) = 0 THEN concat(array_dims(${at}), (
       SELECT array_agg(${each('element', elementOf(column))} ORDER BY place)
       FROM unnest(${at}) WITH ORDINALITY AS of_array(element, place))) END`;
}

/** An array's element as a separate column. */
export function elementOf(column: Column): Column {
  return { ...column, type: column.type.slice(1), cast: column.cast.replace(/\[\]$/, '') };
}
