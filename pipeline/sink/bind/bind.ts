import { createHash } from 'node:crypto';
import { type ConnectSchema, fieldOf } from '../decode/connect-schema.ts';
import { isObject, type JsonObject } from '../decode/json.ts';
import { RecordError } from '../decode/record-error.ts';
import { type Converter, converterFor, converterOf } from './convert.ts';
import type { SinkTable } from './tables.ts';

/** What a batch changes: one event, with its values as text, in the order of the table's columns. */
export interface Change {
  readonly kind: 'upsert' | 'delete' | 'tombstone' | 'truncate';
  /** Text form of the key values, as a JSON array; one text for one key. */
  readonly key: string;
  /** Values of the key columns, in the binding's order. */
  readonly keyValues: readonly string[];
  readonly position: string | null;
  readonly fromSnapshot: boolean;
  /** Undefined: not sent (unchanged TOAST value, or a column that the event does not have). */
  readonly values: readonly (string | null | undefined)[];
  /** True where an unchanged TOAST value is missing: the row must exist. */
  readonly isPartial: boolean;
  readonly op: string;
  readonly lsn: string | null;
  readonly sourceTsUs: number | null;
  readonly capturedUs: number | null;
  /** Place of the record in the batch. */
  readonly index: number;
  /** Columns that have a value here, as {@link shapeOf} writes them: one statement per shape. */
  readonly shape: string;
}

export function shapeOf(values: readonly unknown[]): string {
  let shape = '';
  for (const value of values) shape += value === undefined ? '-' : '+';
  return shape;
}

/** How the fields of one shape of row go into the columns of a table. */
export interface RowBinding {
  readonly fields: readonly { readonly name: string; readonly column: number; readonly convert: Converter }[];
  /** Shape of a row of which every field was sent. */
  readonly shape: string;
}

export interface KeyBinding {
  readonly names: readonly string[];
  readonly converters: readonly Converter[];
}

/** Tells Debezium's placeholder for an unchanged TOAST value in each of the forms it takes. */
export function placeholderTest(placeholder: string): (value: unknown) => boolean {
  const base64 = Buffer.from(placeholder).toString('base64');
  const codes = [...Buffer.from(placeholder)];
  return (value) => {
    if (typeof value === 'string') return value === placeholder || value === base64;
    if (Array.isArray(value)) {
      if (value.length === 1) return value[0] === placeholder || value[0] === base64;
      return value.length === codes.length && codes.every((code, i) => value[i] === code);
    }
    return isObject(value) && Object.hasOwn(value, placeholder);
  };
}

/** @throws RecordError where a field has no column. */
export function bindRow(
  table: SinkTable,
  names: readonly string[],
  schema: ConnectSchema | null,
): RowBinding {
  const fields = names.map((name) => {
    const column = table.indexOf.get(name);
    const target = column === undefined ? undefined : table.columns[column];
    if (column === undefined || target === undefined) {
      throw new RecordError(`${table.name.qualified} has no column '${name}'`);
    }
    const field = fieldOf(schema, name);
    return { name, column, convert: field === null ? converterFor(target) : converterOf(field) };
  });
  const columns = new Set(fields.map((field) => field.column));
  return { fields, shape: table.columns.map((_, i) => (columns.has(i) ? '+' : '-')).join('') };
}

export function bindKey(
  table: SinkTable,
  names: readonly string[],
  schema: ConnectSchema | null,
): KeyBinding {
  return { names, converters: bindRow(table, names, schema).fields.map((field) => field.convert) };
}

export function keyValuesOf(binding: KeyBinding, from: JsonObject): string[] {
  return binding.names.map((name, i) => {
    const value = from[name];
    const convert = binding.converters[i];
    if (value === undefined || value === null || convert === undefined) {
      throw new RecordError(`the key column '${name}' has no value`);
    }
    return convert(value);
  });
}

/** An index entry of PostgreSQL holds 2,704 bytes; a character takes up to 4. */
const MAX_KEY_CHARACTERS = 600;

/** One text for one key: of several columns a JSON array, so that ('a,b', 'c') and ('a', 'b,c') differ. */
export function keyText(values: readonly string[]): string {
  const [first, second] = values;
  const text = first !== undefined && second === undefined ? first : JSON.stringify(values);
  if (text.length <= MAX_KEY_CHARACTERS) return text;
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** The values of a row as text; `isPartial` where one was not sent because it did not change. */
export function valuesOf(
  binding: RowBinding,
  width: number,
  row: JsonObject,
  isUnavailable: (value: unknown) => boolean,
): { values: (string | null | undefined)[]; isPartial: boolean } {
  const values: (string | null | undefined)[] = new Array(width).fill(undefined);
  let isPartial = false;
  for (const field of binding.fields) {
    const value = row[field.name];
    if (value === null || value === undefined) {
      values[field.column] = null;
    } else if (isUnavailable(value)) {
      isPartial = true;
    } else {
      try {
        values[field.column] = field.convert(value);
      } catch (error) {
        if (!(error instanceof RecordError)) throw error;
        throw new RecordError(`column '${field.name}': ${error.message}`, { cause: error });
      }
    }
  }
  return { values, isPartial };
}
