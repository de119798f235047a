import type { ColumnDescription } from '../contract/table.ts';
import type { TypeMapping } from './type-mapping.ts';

/** As Debezium's `FUNCTION_DEFAULT_PATTERN`: a call, perhaps of a function in a schema. */
const CALL = /^\(?[A-Za-z0-9_.]+\(.*\)/s;
const CURRENT = new Set(['current_timestamp', 'current_time', 'current_date', 'localtime', 'localtimestamp']);

/**
 * JSON of the `default` in a column's schema; null where it has none. Debezium has no default for types that it
 * cannot parse one of (arrays, bytea, timetz, …), nor for an expression other than a call.
 * Source: Debezium 3.6, `PostgresDefaultValueConverter`.
 */
export function defaultJson(column: ColumnDescription, mapping: TypeMapping): string | null {
  const isEnum = column.typeKind === 'e' && column.elementType === null;
  if (mapping.computedDefault === undefined && !isEnum) return null;
  if (column.defaultText !== null) {
    try {
      return mapping.encode(column.defaultText);
    } catch (error) {
      // A default that its own column could not hold, such as 'infinity' beyond 64 bits: no default.
      if (error instanceof RangeError) return null;
      throw error;
    }
  }
  const expression = column.defaultExpression?.trim() ?? null;
  if (expression === null || !(CALL.test(expression) || CURRENT.has(expression.toLowerCase()))) return null;
  return mapping.computedDefault ?? null;
}
