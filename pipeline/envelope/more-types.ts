import type { EncoderConfig } from '../contract/envelope.ts';
import { copyText } from './copy-values.ts';
import { HSTORE_SHAPE, hstoreJson } from './hstore.ts';
import { quote } from './json.ts';
import { floatJson, parseDecimal, unscaledBase64 } from './numbers.ts';
import type { TypeMapping } from './type-mapping.ts';

/** PostgreSQL's types beyond the SQL standard's that are more than their text. Source: Debezium 3.6. */

const MONEY_DIGITS = 2;
/** `-$1,234.56`: a sign, a symbol of one character, digits and commas. */
const MONEY = /^(-?)[^\d.-]?([\d,]+(?:\.\d+)?)$/;

/** `money` under each `decimal.handling.mode`, in a locale that writes amounts as C does. */
export function money({ decimals }: EncoderConfig): TypeMapping {
  if (decimals === 'string') {
    return {
      schema: { type: 'string' },
      encode: (text) => `"${amount(text)}"`,
      fallback: '"0.00"',
      placeholder: null,
    };
  }
  if (decimals === 'double') {
    const encode = (text: string) => floatJson(String(Number(amount(text))).replace('e+', 'e'));
    return { schema: { type: 'double' }, encode, fallback: '0.0', placeholder: null };
  }
  const parameters = { scale: String(MONEY_DIGITS) };
  return {
    schema: { type: 'bytes', name: 'org.apache.kafka.connect.data.Decimal', version: 1, parameters },
    encode: (text) => {
      const value = parseDecimal(amount(text));
      if (value?.scale !== MONEY_DIGITS) throw notUnderstood('money');
      return `"${unscaledBase64(value.unscaled)}"`;
    },
    headerEncode: amount,
    fallback: '"AA=="',
    placeholder: null,
  };
}

function amount(text: string): string {
  const match = MONEY.exec(text);
  if (match === null) throw notUnderstood('money');
  return `${match[1]}${match[2]?.replaceAll(',', '')}`;
}

/** `bit(n)`, `varbit(n)`: one bit is a boolean, more are bytes, the last bit first, no longer than their last 1. */
export function bits(typeModifier: number): TypeMapping {
  if (typeModifier === 1) {
    const encode = (text: string) => (text === '1' ? 'true' : 'false');
    return {
      schema: { type: 'boolean' },
      encode,
      fallback: 'false',
      placeholder: null,
      computedDefault: 'false',
    };
  }
  // PostgreSQL's JDBC driver has this length for a varbit without one.
  const length = typeModifier < 0 ? 2_147_483_647 : typeModifier;
  return {
    schema: {
      type: 'bytes',
      name: 'io.debezium.data.Bits',
      version: 1,
      parameters: { length: String(length) },
    },
    encode: (text) => `"${bitBytes(text).toString('base64')}"`,
    fallback: '""',
    placeholder: null,
  };
}

function bitBytes(text: string): Buffer {
  const highest = text.indexOf('1');
  const count = highest < 0 ? 0 : text.length - highest;
  const bytes = Buffer.alloc(Math.ceil(count / 8));
  for (let rank = 0; rank < count; rank++) {
    if (text[text.length - 1 - rank] === '1') bytes[rank >> 3] = (bytes[rank >> 3] ?? 0) | (1 << (rank & 7));
  }
  return bytes;
}

const POINT = /^\(([^,]+),([^)]+)\)$/;

/** `point`: both coordinates, and the same as OGC's well-known binary. */
export const POINT_MAPPING: TypeMapping = {
  schema: {
    type: 'struct',
    fields: [
      { type: 'double', field: 'x' },
      { type: 'double', field: 'y' },
      { type: 'bytes', optional: true, field: 'wkb' },
      { type: 'int32', optional: true, field: 'srid' },
    ],
    name: 'io.debezium.data.geometry.Point',
    version: 1,
    doc: 'Geometry (POINT)',
  },
  encode: (text) => {
    const [, x, y] = POINT.exec(text) ?? [];
    if (x === undefined || y === undefined) throw notUnderstood('point');
    const wkb = Buffer.alloc(21);
    wkb[0] = 1; // little-endian
    wkb.writeUInt32LE(1, 1); // a point
    wkb.writeDoubleLE(numberOf(x), 5);
    wkb.writeDoubleLE(numberOf(y), 13);
    return `{"x":${floatJson(x)},"y":${floatJson(y)},"wkb":"${wkb.toString('base64')}","srid":null}`;
  },
  fallback: '{"x":0.0,"y":0.0,"wkb":"AQEAAAAAAAAAAAAAAAAAAAAAAAAA","srid":null}',
  placeholder: null,
};

/** `Infinity` and `NaN` are written alike by both. */
function numberOf(text: string): number {
  return Number(text);
}

/** `hstore` under each `hstore.handling.mode`. */
export function hstore({ hstore: mode, unavailableValue }: EncoderConfig): TypeMapping {
  const placeholder = `{${quote(unavailableValue)}:${quote(unavailableValue)}}`;
  if (mode === 'map') {
    return { schema: HSTORE_SHAPE, encode: hstoreJson, fallback: '{}', placeholder };
  }
  return {
    schema: { type: 'string', name: 'io.debezium.data.Json', version: 1 },
    encode: (text) => quote(hstoreJson(text)),
    fallback: '"{}"',
    placeholder: quote(placeholder),
  };
}

/** `ltree`. */
export function ltree({ unavailableValue }: EncoderConfig): TypeMapping {
  return {
    schema: { type: 'string', name: 'io.debezium.data.Ltree', version: 1 },
    encode: quote,
    copy: copyText,
    fallback: '""',
    placeholder: quote(unavailableValue),
  };
}

function notUnderstood(type: string): RangeError {
  return new RangeError(`a value of type ${type} is not written as PostgreSQL does in the locale C`);
}
