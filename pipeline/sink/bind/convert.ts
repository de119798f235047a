import type { ConnectSchema } from '../decode/connect-schema.ts';
import { ExactNumber, isObject } from '../decode/json.ts';
import { RecordError } from '../decode/record-error.ts';
import { MAX_BITS } from './column-type.ts';
import type { BinaryMode, Converter, TargetType } from './converter.ts';
import { byteaFrom, converterInto } from './into-column.ts';
import { isoDateTime, isoTime, zonedTimestamp } from './iso-time.ts';
import { arrayLiteral } from './quoting.ts';
import * as time from './time-text.ts';

function mismatch(expected: string, value: unknown): RecordError {
  const got =
    value instanceof ExactNumber ? 'a number' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
  return new RecordError(`wrong type: expected ${expected}, found ${got}`);
}

const text: Converter = (value) => {
  if (typeof value === 'string') return value;
  throw mismatch('a string', value);
};

const integer: Converter = (value) => {
  if (typeof value === 'number' && Number.isInteger(value)) return String(value);
  if (value instanceof ExactNumber) return value.text;
  throw mismatch('a whole number', value);
};

const float: Converter = (value) => {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (value instanceof ExactNumber) return value.text;
  // JSON has no such numbers, so JsonConverter writes them as strings.
  if (typeof value === 'string' && /^(NaN|[+-]?Infinity)$/.test(value)) return value;
  throw mismatch('a number', value);
};

const boolean: Converter = (value) => {
  if (typeof value === 'boolean') return value ? 't' : 'f';
  throw mismatch('a boolean', value);
};

function base64(value: unknown): Buffer {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
    throw mismatch('base64 text', value);
  return Buffer.from(value, 'base64');
}

const bytes: Converter = (value) => `\\x${base64(value).toString('hex')}`;

/** A decimal number from its unscaled value (big-endian two's complement) and its scale (digits after the point). */
export function decimalText(unscaled: Buffer, scale: number): string {
  if (unscaled.length === 0) throw new RecordError('an empty byte string is not a decimal number');
  const magnitude = BigInt.asIntN(unscaled.length * 8, BigInt(`0x${unscaled.toString('hex')}`));
  const sign = magnitude < 0n ? '-' : '';
  const digits = (magnitude < 0n ? -magnitude : magnitude).toString();
  if (scale <= 0) return `${sign}${digits}${magnitude === 0n ? '' : '0'.repeat(-scale)}`;
  const padded = digits.padStart(scale + 1, '0');
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

function decimal(scale: number): Converter {
  return (value) => {
    if (typeof value === 'number' || value instanceof ExactNumber) return float(value);
    return decimalText(base64(value), scale);
  };
}

const variableScale: Converter = (value) => {
  if (!isObject(value) || typeof value.scale !== 'number') throw mismatch('{scale, value}', value);
  return decimalText(base64(value.value), value.scale);
};

const bits: (length: number) => Converter = (length) => (value) => {
  if (typeof value === 'boolean') return value ? '1' : '0';
  // Debezium's io.debezium.data.Bits is little-endian.
  const digits = [...base64(value)].map((byte) => byte.toString(2).padStart(8, '0')).reverse();
  const joined = digits.join('');
  // Without a length there is nothing to fill up to: Debezium's form does not have the zeros at the front.
  return length > MAX_BITS ? joined.replace(/^0+/, '') : joined.padStart(length, '0').slice(-length);
};

const point: Converter = (value) => {
  if (!isObject(value)) throw mismatch('{x, y}', value);
  return `(${float(value.x)},${float(value.y)})`;
};

const json: Converter = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

function array(element: Converter): Converter {
  return (value) => {
    if (!Array.isArray(value)) throw mismatch('an array', value);
    return arrayLiteral(value.map((item: unknown) => (item === null ? null : element(item))));
  };
}

function semantic(schema: ConnectSchema): Converter | null {
  switch (schema.name) {
    case 'org.apache.kafka.connect.data.Decimal':
      return decimal(Number(schema.parameters.scale ?? '0'));
    case 'io.debezium.data.VariableScaleDecimal':
      return variableScale;
    case 'io.debezium.time.Date':
    case 'org.apache.kafka.connect.data.Date':
      return time.date;
    case 'io.debezium.time.Timestamp':
    case 'org.apache.kafka.connect.data.Timestamp':
      return time.timestamp(1_000n);
    case 'io.debezium.time.MicroTimestamp':
      return time.timestamp(1n);
    case 'io.debezium.time.NanoTimestamp':
      return time.nanoTimestamp;
    case 'io.debezium.time.Time':
    case 'org.apache.kafka.connect.data.Time':
      return time.timeOfDay(1_000n);
    case 'io.debezium.time.MicroTime':
      return time.timeOfDay(1n);
    case 'io.debezium.time.NanoTime':
      return time.nanoTimeOfDay;
    case 'io.debezium.time.IsoDate':
    case 'io.debezium.time.IsoTimestamp':
      return isoDateTime;
    case 'io.debezium.time.IsoTime':
      return isoTime;
    case 'io.debezium.time.ZonedTimestamp':
      return zonedTimestamp;
    case 'io.debezium.data.geometry.Point':
      return point;
    case 'io.debezium.time.MicroDuration':
      return time.duration;
    case 'io.debezium.data.Bits':
      return bits(Number(schema.parameters.length ?? '1'));
    default:
      return null;
  }
}

/** The column that a field goes into, and how the source wrote its `bytea`. */
export interface Destination {
  readonly target: TargetType;
  readonly binary: BinaryMode;
}

/**
 * The converter for a field with a schema.
 * @param into The column's type, if it may differ from the one that the sink would create. Null: that one.
 * @throws RecordError if the sink cannot store that type.
 */
export function converterOf(schema: ConnectSchema, into: Destination | null): Converter {
  const special = into === null ? null : converterInto(schema, into.target, into.binary);
  const known = special ?? semantic(schema);
  if (known !== null) return known;
  switch (schema.type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      return integer;
    case 'float':
    case 'double':
    case 'float32':
    case 'float64':
      return float;
    case 'boolean':
      return boolean;
    case 'string':
      return text;
    case 'bytes':
      return bytes;
    case 'array':
      if (schema.items !== null) return array(converterOf(schema.items, elementOf(into)));
      break;
    case 'map':
      return json;
  }
  throw new RecordError(
    `field '${schema.field ?? ''}' has the type ${schema.name ?? schema.type}, which the sink cannot store`,
  );
}

function elementOf(into: Destination | null): Destination | null {
  return into === null ? null : { ...into, target: { ...into.target, isArray: false } };
}

/** The usual form, or the ISO 8601 text of `time.precision.mode=isostring`. */
function orISO(usual: Converter, iso: Converter): Converter {
  return (value) => (typeof value === 'string' ? iso(value) : usual(value));
}

const BY_TYPE: Readonly<Record<string, Converter>> = {
  int2: integer,
  int4: integer,
  int8: integer,
  oid: integer,
  float4: float,
  float8: float,
  bool: boolean,
  date: orISO(time.date, isoDateTime),
  timestamptz: zonedTimestamp,
  point,
  interval: time.duration,
  json,
  jsonb: json,
};

/**
 * The converter for a field without a schema. It expects what Debezium sends by default for a column of the sink's type
 * (`decimal.handling.mode=precise`, `time.precision.mode=adaptive`).
 */
export function converterFor(target: TargetType, binary: BinaryMode): Converter {
  if (target.isArray) return array(converterFor({ ...target, isArray: false }, binary));
  const { typeName, typeModifier } = target;
  switch (typeName) {
    case 'numeric': {
      // numeric(p,s) has the modifier ((p << 16) | (s & 0x7ff)) + 4; the scale is signed.
      const scale = typeModifier < 4 ? null : (((typeModifier - 4) & 0x7ff) ^ 1024) - 1024;
      return (value) => {
        if (isObject(value) && !(value instanceof ExactNumber)) return variableScale(value);
        if (scale !== null)
          return typeof value === 'string' && value.includes('.') ? value : decimal(scale)(value);
        return typeof value === 'string' ? value : float(value);
      };
    }
    case 'timestamp':
      return orISO(time.timestamp(typeModifier >= 0 && typeModifier <= 3 ? 1_000n : 1n), isoDateTime);
    case 'time':
      return orISO(time.timeOfDay(typeModifier >= 0 && typeModifier <= 3 ? 1_000n : 1n), isoTime);
    case 'bytea':
      return binary === 'bytes' ? bytes : byteaFrom(binary);
    case 'bit':
      return bits(Math.max(typeModifier, 1));
    case 'varbit':
      return bits(typeModifier < 0 ? MAX_BITS + 1 : typeModifier);
    default:
      return BY_TYPE[typeName] ?? text;
  }
}
