import type { Lsn } from '../../../pipeline/contract/lsn.ts';
import type { Column } from '../source/catalogue.ts';
import { dateText, type TimestampUnit, timestampText, timestamptzText } from './date-time-text.ts';
import { isPlaceholder } from './placeholder.ts';

/** A JSON value whose numbers are kept as text, so that no digit is lost. */
export type Json = string | boolean | null | Json[] | { readonly [key: string]: Json };

/** The part of Debezium's change event that the verifier needs. */
export interface Event {
  readonly op: string;
  readonly after: Readonly<Record<string, Json>> | null;
  /** `source.lsn`: the position of the change itself, not of its commit; null if the event has none. */
  readonly lsn: Lsn | null;
  /** Scale of each decimal, by column; empty if the event carries no schema. */
  readonly scales: ReadonlyMap<string, number>;
  /** Semantic type by column, such as `io.debezium.time.MicroTimestamp`. */
  readonly semantics: ReadonlyMap<string, string>;
}

/** Reads an event's value, with or without a schema. Undefined if it is not a change event. */
export function readEvent(value: Buffer): Event | undefined {
  const json = parseLossless(value.toString('utf8'));
  if (!isObject(json)) return undefined;
  const body = isObject(json.payload ?? null) && 'schema' in json ? json.payload : json;
  if (!isObject(body ?? null) || typeof (body as { op?: Json }).op !== 'string') return undefined;
  const { op, after, source } = body as { op: string; after?: Json; source?: Json };
  const { scales, semantics } = readSchema(json.schema);
  const own = isObject(after ?? null) ? (after as Event['after']) : null;
  return { op, after: own, lsn: lsnOf(source), scales, semantics };
}

function lsnOf(source: Json | undefined): Lsn | null {
  const lsn = isObject(source) ? source.lsn : null;
  return typeof lsn === 'string' && /^\d+$/.test(lsn) ? (BigInt(lsn) as Lsn) : null;
}

/** Reads a record's key, with or without a schema: its fields by name. Undefined if it is not a JSON object. */
export function readKey(key: Buffer): Readonly<Record<string, Json>> | undefined {
  const text = key.toString('utf8');
  const json = parseFast(text) ?? parseLossless(text);
  if (!isObject(json)) return undefined;
  const body = 'schema' in json && 'payload' in json ? json.payload : json;
  return isObject(body ?? null) ? (body as Record<string, Json>) : undefined;
}

/** Fast path for keys, which are read by the million: a reviver is many times slower, and only large numbers need it. */
function parseFast(text: string): Json | undefined {
  let json: { readonly payload?: unknown };
  try {
    json = JSON.parse(text) as { readonly payload?: unknown };
  } catch {
    return undefined;
  }
  const body = (json?.payload ?? json) as Record<string, unknown> | null;
  if (typeof body !== 'object' || body === null) return undefined;
  for (const [name, value] of Object.entries(body)) {
    if (typeof value !== 'number') continue;
    if (!Number.isSafeInteger(value)) return undefined;
    body[name] = String(value);
  }
  return json as Json;
}

function parseLossless(text: string): Json | undefined {
  const keepNumbers = (_: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' ? (context?.source ?? String(value)) : value;
  try {
    return JSON.parse(text, keepNumbers) as Json;
  } catch {
    return undefined;
  }
}

export function isObject(json: Json | undefined): json is { readonly [key: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function readSchema(schema: Json | undefined): Pick<Event, 'scales' | 'semantics'> {
  const scales = new Map<string, number>();
  const semantics = new Map<string, string>();
  const fields = isObject(schema) && Array.isArray(schema.fields) ? schema.fields : [];
  const after = fields.find((field) => isObject(field) && field.field === 'after');
  const columns = isObject(after) && Array.isArray(after.fields) ? after.fields : [];
  for (const column of columns) {
    if (!isObject(column) || typeof column.field !== 'string') continue;
    if (typeof column.name === 'string') semantics.set(column.field, column.name);
    const scale = isObject(column.parameters) ? column.parameters.scale : undefined;
    if (typeof scale === 'string') scales.set(column.field, Number(scale));
  }
  return { scales, semantics };
}

/**
 * A value of an event as PostgreSQL prints it (ISO dates, UTC), to compare it with a row.
 * @returns undefined if this reader cannot convert the value; such a column is not compared.
 */
export function asPostgresText(
  value: Json | undefined,
  column: Column,
  event?: Event,
): string | null | undefined {
  if (value === null) return null;
  if (value === undefined || isPlaceholder(value)) return undefined;
  if (typeof value === 'boolean') return column.type === 'bool' ? String(value) : undefined;
  if (typeof value === 'object') return column.type === 'numeric' ? variableScale(value) : undefined;
  switch (column.type) {
    case 'numeric':
      return decimalText(value, event?.scales.get(column.name) ?? declaredScale(column.cast));
    case 'timestamptz':
      return timestamptzText(value);
    case 'timestamp':
      return timestampText(value, timestampUnit(event?.semantics.get(column.name), column.cast));
    case 'date':
      return dateText(value);
    case 'bytea':
      return `\\x${Buffer.from(value, 'base64').toString('hex')}`;
    case 'int2':
    case 'int4':
    case 'int8':
    case 'oid':
    case 'text':
    case 'varchar':
    case 'uuid':
    case 'json':
    case 'jsonb':
      return value;
    case 'bpchar':
      return value.trimEnd();
    default:
      return column.kind === 'e' ? value : undefined;
  }
}

/** Debezium's `VariableScaleDecimal`. */
function variableScale(value: Json): string | undefined {
  if (!isObject(value) || typeof value.value !== 'string') return undefined;
  const scale = Number(value.scale);
  return Number.isInteger(scale) ? decimalText(value.value, scale) : undefined;
}

/** Connect's Decimal is base64 of a big-endian two's complement. `string` and `double` handling give plain digits. */
export function decimalText(value: string, scale: number | undefined): string | undefined {
  if (/^-?\d+\.\d+$/.test(value)) return value;
  if (scale === undefined || !/^[A-Za-z0-9+/]+=*$/.test(value)) return undefined;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === 0) return undefined;
  const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const text = scale === 0 ? whole : `${whole}.${digits.slice(digits.length - scale)}`;
  return unscaled < 0n ? `-${text}` : text;
}

/** Zeros at the end of a number do not make another key, and the capture may leave them out. */
export function sameKeyText<T extends string | null | undefined>(
  text: T,
  type: string | undefined,
): T | string {
  return type === 'numeric' && text?.includes('.') === true ? text.replace(/\.?0+$/, '') : text;
}

function declaredScale(cast: string): number | undefined {
  const match = /\(\d+,(\d+)\)$/.exec(cast);
  return match === null ? undefined : Number(match[1]);
}

/** Without a schema, the capture's default is assumed: milliseconds up to three digits of a second's fraction. */
function timestampUnit(semantic: string | undefined, cast: string): TimestampUnit {
  if (semantic === undefined) return /\([0-3]\)/.test(cast) ? 'ms' : 'us';
  if (semantic.endsWith('.NanoTimestamp')) return 'ns';
  return semantic.endsWith('.Timestamp') ? 'ms' : 'us';
}
