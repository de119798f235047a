import { type ConnectSchema, fieldOf } from '../decode/connect-schema.ts';
import type { JsonObject } from '../decode/json.ts';
import { RecordError } from '../decode/record-error.ts';
import type { SinkEvent } from '../decode/record-parser.ts';
import { converterFor, converterOf } from './convert.ts';
import type { BinaryMode, Converter } from './converter.ts';
import type { PlaceholderForms, PlaceholderTest } from './placeholder.ts';
import type { SinkTable } from './sink-table.ts';

export interface FieldBinding {
  readonly name: string;
  readonly column: number;
  readonly convert: Converter;
  readonly hasPlaceholderForm: PlaceholderTest;
}

/** How the fields of a row go into the columns of a table. */
export interface RowBinding {
  readonly fields: readonly FieldBinding[];
  /** Shape of a row whose fields were all sent. */
  readonly shape: string;
}

/** How the fields of a key become the values of the key columns. */
export interface KeyBinding {
  readonly names: readonly string[];
  readonly converters: readonly Converter[];
}

/** What a binding depends on besides table and schema. */
export interface FieldForms {
  readonly placeholder: PlaceholderForms;
  readonly binary: BinaryMode;
}

/** @throws RecordError if a field has no column, or cannot go into it. */
export function bindRow(
  table: SinkTable,
  names: readonly string[],
  schema: ConnectSchema | null,
  { placeholder, binary }: FieldForms,
): RowBinding {
  const fields = names.map((name) => {
    const column = table.indexOf.get(name);
    const target = column === undefined ? undefined : table.columns[column];
    if (column === undefined || target === undefined) {
      throw new RecordError(`${table.name.qualified} has no column '${name}'`);
    }
    const field = fieldOf(schema, name);
    try {
      return field === null
        ? {
            name,
            column,
            convert: converterFor(target, binary),
            hasPlaceholderForm: placeholder.ofTarget(target),
          }
        : {
            name,
            column,
            convert: converterOf(field, { target, binary }),
            hasPlaceholderForm: placeholder.ofSchema(field),
          };
    } catch (error) {
      throw naming(name, error);
    }
  });
  const columns = new Set(fields.map((field) => field.column));
  return { fields, shape: table.columns.map((_, i) => (columns.has(i) ? '+' : '-')).join('') };
}

/** @throws RecordError if a field has no column. */
export function bindKey(
  table: SinkTable,
  names: readonly string[],
  schema: ConnectSchema | null,
  forms: FieldForms,
): KeyBinding {
  const { fields } = bindRow(table, names, schema, forms);
  return { names, converters: fields.map((field) => field.convert) };
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
 * @param unchanged see `SinkEvent.unchanged`.
 * @throws RecordError if a value does not have its field's type.
 */
export function valuesOf(
  binding: RowBinding,
  width: number,
  row: JsonObject,
  unchanged: SinkEvent['unchanged'],
): { values: (string | null | undefined)[]; isPartial: boolean } {
  const values: (string | null | undefined)[] = new Array(width).fill(undefined);
  let isPartial = false;
  for (const field of binding.fields) {
    const value = row[field.name];
    if (value === null || value === undefined) {
      values[field.column] = null;
    } else if (unchanged?.includes(field.name) ?? field.hasPlaceholderForm?.(value)) {
      isPartial = true;
    } else {
      try {
        values[field.column] = field.convert(value);
      } catch (error) {
        throw naming(field.name, error);
      }
    }
  }
  return { values, isPartial };
}

/** A RecordError with the column's name; any other error as it is. */
function naming(column: string, error: unknown): unknown {
  if (!(error instanceof RecordError)) return error;
  return new RecordError(`column '${column}': ${error.message}`, { cause: error });
}
