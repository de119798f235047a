import type { ColumnDescription } from '../contract/table.ts';
import { unreachable } from '../contract/unreachable.ts';
import type { ConnectSchema } from './connect-schema.ts';
import type { TypeMapping } from './types/type-mapping.ts';

/** A function call, as in Debezium's `FUNCTION_DEFAULT_PATTERN`. */
const CALL = /^\(?[A-Za-z0-9_.]+\(.*\)/s;
const CURRENT = new Set(['current_timestamp', 'current_time', 'current_date', 'localtime', 'localtimestamp']);

/**
 * JSON of the `default` in a column's schema; null if it has none, or one that its type cannot hold (`DEFAULT 5.7` of an
 * integer, which PostgreSQL rounds in each row). As in Debezium, types whose defaults it cannot
 * parse (arrays, bytea, timetz, …) have none, nor has an expression that is not a call. Source: Debezium 3.6,
 * `PostgresDefaultValueConverter`.
 */
export function defaultJson(column: ColumnDescription, mapping: TypeMapping): string | null {
  const isEnum = column.typeKind === 'e' && column.elementType === null;
  if (mapping.computedDefault === undefined && !isEnum) return null;
  if (column.defaultText !== null) {
    try {
      const json = mapping.encode(column.defaultText);
      return isOfType(mapping.schema.type, json) ? json : null;
    } catch (error) {
      // The Connect type cannot hold the default (a timestamp beyond 64 bits): the schema has none.
      if (error instanceof RangeError) return null;
      throw error;
    }
  }
  const expression = column.defaultExpression?.trim() ?? null;
  if (expression === null || !(CALL.test(expression) || CURRENT.has(expression.toLowerCase()))) return null;
  return mapping.computedDefault ?? null;
}

/** True if the text is JSON of a Connect type: without this check, a text that is no number would be written as one. */
function isOfType(type: ConnectSchema['type'], json: string): boolean {
  switch (type) {
    case 'boolean':
      return json === 'true' || json === 'false';
    case 'int16':
    case 'int32':
    case 'int64':
      return /^-?\d+$/.test(json);
    case 'float':
    case 'double':
      // JsonConverter writes NaN and the infinities as strings.
      return /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(json) || /^"(NaN|-?Infinity)"$/.test(json);
    case 'string':
    case 'bytes':
      return json.startsWith('"');
    case 'array':
      return json.startsWith('[');
    case 'map':
    case 'struct':
      return json.startsWith('{');
    default:
      return unreachable(type, 'Connect type');
  }
}
