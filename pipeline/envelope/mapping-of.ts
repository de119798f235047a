import { createHash } from 'node:crypto';
import type { EncoderConfig } from '../contract/envelope.ts';
import type { ColumnDescription } from '../contract/table.ts';
import { parseArray } from './arrays.ts';
import {
  type CopyValue,
  copyBoolean,
  copyDate,
  copyInteger,
  copyText,
  copyTimestampMicros,
  copyTimestampMillis,
  copyZonedTimestamp,
} from './copy-values.ts';
import { decimalType } from './decimal-type.ts';
import { intervalISO, intervalMicros } from './interval.ts';
import { quote } from './json.ts';
import { bits, hstore, ltree, money, POINT_MAPPING } from './more-types.ts';
import { floatJson } from './numbers.ts';
import {
  epochDays,
  isoDate,
  isoTime,
  isoTimestamp,
  timeMicros,
  timeMillis,
  timeNanos,
  timestampMicros,
  timestampMillis,
  timestampNanos,
  zonedTime,
  zonedTimestamp,
} from './temporal.ts';
import type { TypeMapping } from './type-mapping.ts';

/** Settings and modifiers that a mapping depends on. */
interface Context {
  readonly config: EncoderConfig;
  readonly typeModifier: number;
}

const identity = (text: string): string => text;
const asString = (text: string): string => `"${text}"`;
const bool = (text: string): string => (text === 't' ? 'true' : 'false');

function integer(type: 'int16' | 'int32' | 'int64', computedDefault = true): TypeMapping {
  const mapping = { schema: { type }, encode: identity, copy: copyInteger, fallback: '0', placeholder: null };
  return computedDefault ? { ...mapping, computedDefault: '0' } : mapping;
}

function float(type: 'float' | 'double'): TypeMapping {
  return { schema: { type }, encode: floatJson, fallback: '0.0', placeholder: null, computedDefault: '0.0' };
}

function string({ config }: Context, name?: string, computedDefault?: string, encode = quote): TypeMapping {
  return {
    schema: name === undefined ? { type: 'string' } : { type: 'string', name, version: 1 },
    encode,
    ...(encode === quote || encode === asString ? { copy: copyText } : {}),
    fallback: '""',
    placeholder: quote(config.unavailableValue),
    ...(computedDefault === undefined ? {} : { computedDefault }),
  };
}

/** A number under a semantic name, such as a date in days. */
function named(
  type: 'int32' | 'int64',
  name: string,
  encode: TypeMapping['encode'],
  copy?: CopyValue,
): TypeMapping {
  const schema = { type, name, version: 1 };
  const usual = copy === undefined ? {} : { copy };
  return { schema, encode, ...usual, fallback: '0', placeholder: null, computedDefault: '0' };
}

/** Digits of a second's fraction; 6 where the column does not limit them. */
function precision(typeModifier: number): number {
  return typeModifier < 0 ? 6 : typeModifier;
}

function iso({ config }: Context, type: string, encode: TypeMapping['encode'], zero: string): TypeMapping {
  const schema = { type: 'string', name: `io.debezium.time.Iso${type}`, version: 1 } as const;
  const placeholder = quote(config.unavailableValue);
  return { schema, encode, fallback: zero, placeholder, computedDefault: zero };
}

function date(context: Context): TypeMapping {
  const { time } = context.config;
  if (time === 'isostring') return iso(context, 'Date', isoDate, '"1970-01-01Z"');
  const name = time === 'connect' ? 'org.apache.kafka.connect.data.Date' : 'io.debezium.time.Date';
  return named('int32', name, epochDays, copyDate);
}

function time(context: Context): TypeMapping {
  const { config, typeModifier } = context;
  if (config.time === 'isostring') return iso(context, 'Time', isoTime, '"00:00:00Z"');
  if (config.time === 'connect') return named('int32', 'org.apache.kafka.connect.data.Time', timeMillis);
  if (config.time === 'nanoseconds') return named('int64', 'io.debezium.time.NanoTime', timeNanos);
  return config.time === 'adaptive' && precision(typeModifier) <= 3
    ? named('int32', 'io.debezium.time.Time', timeMillis)
    : named('int64', 'io.debezium.time.MicroTime', timeMicros);
}

function timestamp(context: Context): TypeMapping {
  const { config, typeModifier } = context;
  const millis = (name: string) => named('int64', name, timestampMillis, copyTimestampMillis);
  if (config.time === 'isostring') return iso(context, 'Timestamp', isoTimestamp, '"1970-01-01T00:00:00Z"');
  if (config.time === 'connect') return millis('org.apache.kafka.connect.data.Timestamp');
  if (config.time === 'nanoseconds') return named('int64', 'io.debezium.time.NanoTimestamp', timestampNanos);
  return config.time !== 'microseconds' && precision(typeModifier) <= 3
    ? millis('io.debezium.time.Timestamp')
    : named('int64', 'io.debezium.time.MicroTimestamp', timestampMicros, copyTimestampMicros);
}

function timestamptz(context: Context): TypeMapping {
  const digits = precision(context.typeModifier);
  const epoch = zonedTimestamp('1970-01-01 00:00:00+00', digits);
  return {
    ...string(context, 'io.debezium.time.ZonedTimestamp', epoch, (text) => zonedTimestamp(text, digits)),
    copy: copyZonedTimestamp(digits),
    fallback: '"1970-01-01T00:00:00Z"',
    placeholder: null,
  };
}

function timetz(context: Context): TypeMapping {
  const mapping = string(context, 'io.debezium.time.ZonedTime', undefined, zonedTime);
  return { ...mapping, fallback: '"00:00:00Z"', placeholder: null };
}

function interval({ config }: Context): TypeMapping {
  if (config.interval === 'numeric') return named('int64', 'io.debezium.time.MicroDuration', intervalMicros);
  return {
    schema: { type: 'string', name: 'io.debezium.time.Interval', version: 1 },
    encode: intervalISO,
    fallback: '"P0Y0M0DT0H0M0S"',
    placeholder: null,
    computedDefault: '"P0Y0M0DT0H0M0S"',
  };
}

function bytea({ config }: Context): TypeMapping {
  const asBytes = config.binary === 'bytes';
  const { unavailableValue: unavailable } = config;
  return {
    schema: { type: asBytes ? 'bytes' : 'string' },
    encode: (text) => {
      if (!text.startsWith('\\x')) throw new RangeError('the bytea is not in bytea_output hex');
      const hex = text.slice(2);
      if (config.binary === 'hex') return asString(hex);
      const base64 = Buffer.from(hex, 'hex').toString('base64');
      const urlSafe = config.binary === 'base64-url-safe';
      return asString(urlSafe ? base64.replaceAll('+', '-').replaceAll('/', '_') : base64);
    },
    fallback: '""',
    placeholder: quote(asBytes ? Buffer.from(unavailable).toString('base64') : unavailable),
  };
}

function enumeration(context: Context, labels: readonly string[]): TypeMapping {
  const allowed = { allowed: labels.join(',') };
  const mapping = string(context);
  return {
    ...mapping,
    schema: { type: 'string', name: 'io.debezium.data.Enum', version: 1, parameters: allowed },
  };
}

const JSON_NAME = 'io.debezium.data.Json';

/** By `pg_type.typname`. Source: Debezium 3.6, `PostgresValueConverter`. */
const BASE_TYPES: Readonly<Record<string, (context: Context) => TypeMapping>> = {
  bool: () => ({
    schema: { type: 'boolean' },
    encode: bool,
    copy: copyBoolean,
    fallback: 'false',
    placeholder: null,
    computedDefault: 'false',
  }),
  int2: () => integer('int16'),
  int4: () => integer('int32'),
  int8: () => integer('int64'),
  oid: () => integer('int64', false),
  float4: () => float('float'),
  float8: () => float('double'),
  numeric: ({ config, typeModifier }) => decimalType(config, typeModifier),
  text: (context) => string(context, undefined, '""'),
  varchar: (context) => string(context, undefined, '""'),
  bpchar: (context) => string(context, undefined, '""'),
  char: (context) => string(context),
  name: (context) => string(context),
  uuid: (context) =>
    string(context, 'io.debezium.data.Uuid', '"00000000-0000-0000-0000-000000000000"', asString),
  date,
  time,
  timetz,
  timestamp,
  timestamptz,
  interval,
  json: (context) => string(context, JSON_NAME, '"{}"'),
  jsonb: (context) => string(context, JSON_NAME, '"{}"'),
  bytea,
  xml: (context) => string(context, 'io.debezium.data.Xml', '""'),
  inet: (context) => string(context),
  cidr: (context) => string(context),
  macaddr: (context) => string(context),
  macaddr8: (context) => string(context),
  int4range: (context) => string(context),
  int8range: (context) => string(context),
  numrange: (context) => string(context),
  tsrange: (context) => string(context),
  tstzrange: (context) => string(context),
  daterange: (context) => string(context),
  tsvector: (context) => string(context, 'io.debezium.data.Tsvector'),
  money: ({ config }) => money(config),
  bit: ({ typeModifier }) => bits(typeModifier),
  varbit: ({ typeModifier }) => bits(typeModifier),
  point: () => POINT_MAPPING,
  // Of extensions
  hstore: ({ config }) => hstore(config),
  ltree: ({ config }) => ltree(config),
  citext: (context) => string(context),
  isbn: (context) => string(context),
};

/** Base types of which Debezium omits arrays: such a column would be missing from every event. */
const NO_ARRAYS = new Set([
  ...['interval', 'name', 'xml', 'tsvector', 'money', 'bit', 'varbit', 'point', 'isbn'],
]);

/**
 * The mapping of a column; null where its type is not supported. Debezium leaves columns of such types out of its
 * events; here they are refused, because a column that is missing in silence is a loss.
 */
export function mappingOf(column: ColumnDescription, config: EncoderConfig): TypeMapping | null {
  const context = { config, typeModifier: column.typeModifier };
  const element = column.elementType;
  if (element === null) return scalar(column.typeName, column.typeKind, column.enumLabels, context);
  if (NO_ARRAYS.has(element.typeName)) return null;
  const mapping = scalar(element.typeName, element.typeKind, column.enumLabels, context);
  return mapping === null ? null : arrayOf(mapping, element.typeName, config);
}

function scalar(
  typeName: string,
  kind: string,
  labels: readonly string[] | null,
  context: Context,
): TypeMapping | null {
  if (kind === 'e') return enumeration(context, labels ?? []);
  if (kind !== 'b' && kind !== 'r') return null;
  return Object.hasOwn(BASE_TYPES, typeName) ? (BASE_TYPES[typeName]?.(context) ?? null) : null;
}

function arrayOf(element: TypeMapping, elementName: string, config: EncoderConfig): TypeMapping {
  const encode = (text: string): string => {
    const elements = parseArray(text);
    if (elements === null) throw new RangeError('an array of more than one dimension has no Connect form');
    return `[${elements.map((value) => (value === null ? 'null' : element.encode(value))).join(',')}]`;
  };
  return {
    schema: { type: 'array', items: { ...element.schema, optional: true } },
    encode,
    fallback: '[]',
    placeholder: arrayPlaceholder(element, elementName, config.unavailableValue),
  };
}

/** Debezium's placeholders for arrays; where it has none and would write NULL, that of the nearest type. */
function arrayPlaceholder(element: TypeMapping, elementName: string, unavailable: string): string | null {
  if (elementName === 'uuid') return `["${nameUuid(unavailable)}"]`;
  if (element.placeholder !== null) return `[${element.placeholder}]`;
  if (element.schema.type === 'string') return `[${quote(unavailable)}]`;
  if (!element.schema.type.startsWith('int')) return null;
  return `[${[...Buffer.from(unavailable)].join(',')}]`;
}

/** A version 3 UUID of the bytes alone, as Java's `UUID.nameUUIDFromBytes`. */
function nameUuid(name: string): string {
  const hash = createHash('md5').update(name).digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x30;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
