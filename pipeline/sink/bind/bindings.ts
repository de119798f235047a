import { type ConnectSchema, fieldOf } from '../decode/connect-schema.ts';
import { isObject, type JsonObject } from '../decode/json.ts';
import { RecordError } from '../decode/record-error.ts';
import { type Converter, converterFor, converterOf } from './convert.ts';
import type { SinkTable } from './sink-table.ts';

/** How the fields of a row go into the columns of a table. */
export interface RowBinding {
  readonly fields: readonly { readonly name: string; readonly column: number; readonly convert: Converter }[];
  /** Shape of a row whose fields were all sent. */
  readonly shape: string;
}

/** How the fields of a key become the values of the key columns. */
export interface KeyBinding {
  readonly names: readonly string[];
  readonly converters: readonly Converter[];
}

/** A test for Debezium's placeholder of an unchanged TOAST value, in every form that it takes (text, base64, array, map). */
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

/** @throws RecordError if a field has no column. */
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

/** @throws RecordError if a field has no column. */
export function bindKey(
  table: SinkTable,
  names: readonly string[],
  schema: ConnectSchema | null,
): KeyBinding {
  return { names, converters: bindRow(table, names, schema).fields.map((field) => field.convert) };
}

/** @throws RecordError if a key column has no value. */
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

/**
 * The values of a row as text. `isPartial` if one of them was not sent because it did not change.
 * @throws RecordError if a value does not have its field's type.
 */
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
