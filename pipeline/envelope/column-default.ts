import type { ColumnDescription } from '../contract/table.ts';
import type { TypeMapping } from './types/type-mapping.ts';

/** A function call, as in Debezium's `FUNCTION_DEFAULT_PATTERN`. */
const CALL = /^\(?[A-Za-z0-9_.]+\(.*\)/s;
const CURRENT = new Set(['current_timestamp', 'current_time', 'current_date', 'localtime', 'localtimestamp']);

/**
 * JSON of the `default` in a column's schema; null if it has none. As in Debezium, types whose defaults it cannot
 * parse (arrays, bytea, timetz, …) have none, nor has an expression that is not a call. Source: Debezium 3.6,
 * `PostgresDefaultValueConverter`.
 */
export function defaultJson(column: ColumnDescription, mapping: TypeMapping): string | null {
  const isEnum = column.typeKind === 'e' && column.elementType === null;
  if (mapping.computedDefault === undefined && !isEnum) return null;
  if (column.defaultText !== null) {
    try {
      return mapping.encode(column.defaultText);
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
