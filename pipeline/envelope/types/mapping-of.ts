/**
 * `pipeline/envelope/types`: how each PostgreSQL type is written: one file for a type or a family of them.
 * In: a column's description and the settings that choose between forms (`decimal.handling.mode` and others).
 * Out: a {@link TypeMapping}: Connect schema, text → JSON, its fast path, and the values that Debezium writes
 * instead.
 * Promises: the JSON is Debezium's, byte for byte, or a RangeError. A value is never rounded, cut or replaced
 * silently.
 */

import type { EncoderConfig } from '../../contract/envelope.ts';
import type { ColumnDescription } from '../../contract/table.ts';
import { arrayType } from './array-type.ts';
import { bitType } from './bit-type.ts';
import { dateType, timestampType, timestamptzType, timeType, timetzType } from './date-time-types.ts';
import { decimalType } from './decimal-type.ts';
import { hstoreType } from './hstore-type.ts';
import { intervalType } from './interval-type.ts';
import { moneyType } from './money-type.ts';
import { BOOLEAN, floatType, integerType } from './number-types.ts';
import { POINT } from './point-type.ts';
import { byteaType, enumType, quoteUnescaped, textType } from './text-types.ts';
import type { TypeContext, TypeMapping } from './type-mapping.ts';

const JSON_NAME = 'io.debezium.data.Json';

/** Mappings by `pg_type.typname`. Source: Debezium 3.6, `PostgresValueConverter`. */
const BASE_TYPES: Readonly<Record<string, (context: TypeContext) => TypeMapping>> = {
  bool: () => BOOLEAN,
  int2: () => integerType('int16'),
  int4: () => integerType('int32'),
  int8: () => integerType('int64'),
  oid: () => integerType('int64', false),
  float4: () => floatType('float'),
  float8: () => floatType('double'),
  numeric: ({ config, typeModifier }) => decimalType(config, typeModifier),
  text: (context) => textType(context, undefined, '""'),
  varchar: (context) => textType(context, undefined, '""'),
  bpchar: (context) => textType(context, undefined, '""'),
  char: (context) => textType(context),
  name: (context) => textType(context),
  uuid: (context) =>
    textType(context, 'io.debezium.data.Uuid', '"00000000-0000-0000-0000-000000000000"', quoteUnescaped),
  date: dateType,
  time: timeType,
  timetz: timetzType,
  timestamp: timestampType,
  timestamptz: timestamptzType,
  interval: intervalType,
  json: (context) => textType(context, JSON_NAME, '"{}"'),
  jsonb: (context) => textType(context, JSON_NAME, '"{}"'),
  bytea: byteaType,
  xml: (context) => textType(context, 'io.debezium.data.Xml', '""'),
  inet: (context) => textType(context),
  cidr: (context) => textType(context),
  macaddr: (context) => textType(context),
  macaddr8: (context) => textType(context),
  int4range: (context) => textType(context),
  int8range: (context) => textType(context),
  numrange: (context) => textType(context),
  tsrange: (context) => textType(context),
  tstzrange: (context) => textType(context),
  daterange: (context) => textType(context),
  tsvector: (context) => textType(context, 'io.debezium.data.Tsvector'),
  money: ({ config }) => moneyType(config),
  bit: ({ typeModifier }) => bitType(typeModifier),
  varbit: ({ typeModifier }) => bitType(typeModifier),
  point: () => POINT,
  // Types of extensions.
  hstore: ({ config }) => hstoreType(config),
  ltree: (context) => textType(context, 'io.debezium.data.Ltree'),
  citext: (context) => textType(context),
  isbn: (context) => textType(context),
};

/**
 * The mapping of a column; null if its type is not supported. Debezium leaves columns of such types out of its
 * events. Here the caller refuses them, because a column that is missing without a word is a loss.
 */
export function mappingOf(column: ColumnDescription, config: EncoderConfig): TypeMapping | null {
  const context = { config, typeModifier: column.typeModifier };
  const element = column.elementType;
  if (element === null) return scalarType(column.typeName, column.typeKind, column.enumLabels, context);
  const mapping = scalarType(element.typeName, element.typeKind, column.enumLabels, context);
  return mapping === null ? null : arrayType(mapping, element.typeName, config);
}

/** @param kind `pg_type.typtype`: only base types, enums and ranges are supported. */
function scalarType(
  typeName: string,
  kind: string,
  labels: readonly string[] | null,
  context: TypeContext,
): TypeMapping | null {
  if (kind === 'e') return enumType(context, labels ?? []);
  if (kind !== 'b' && kind !== 'r') return null;
  return Object.hasOwn(BASE_TYPES, typeName) ? (BASE_TYPES[typeName]?.(context) ?? null) : null;
}
