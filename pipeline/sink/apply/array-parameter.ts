import { arrayLiteral } from '../bind/quoting.ts';
import { instant } from '../bind/time-text.ts';
import {
  BIGINT,
  type BinaryElement,
  BOOLEAN,
  INSTANT,
  INTEGER,
  SMALLINT,
  TEXT,
  TIMESTAMP,
  TIMESTAMPTZ,
  UUID,
  VARCHAR,
  writeInt32,
} from './binary-elements.ts';

/** By the name that `format_type` prints, which is the type that the statement casts the parameter to. */
const BINARY: Readonly<Record<string, BinaryElement>> = {
  smallint: SMALLINT,
  integer: INTEGER,
  bigint: BIGINT,
  boolean: BOOLEAN,
  text: TEXT,
  'character varying': VARCHAR,
  uuid: UUID,
  'timestamp without time zone': TIMESTAMP,
  'timestamp with time zone': TIMESTAMPTZ,
};

/** Dimensions, flags, element type, length, lower bound, as `array_send` in PostgreSQL's arrayfuncs.c writes them. */
const HEAD_BYTES = 20;
const NULL_ELEMENT = -1;

/**
 * The values of a column, in the text form of their type → a parameter for `$n::TYPE[]`. Fast path: PostgreSQL's
 * binary form, which costs the server a fraction, if {@link BINARY} has the type and every value has its usual
 * form. Otherwise array text: the type's input function then reads the values, or refuses them.
 */
export function arrayParameter(values: readonly (string | null)[], type: string): Buffer | string {
  const element = BINARY[type];
  return (element && binaryArray(values, element)) ?? arrayLiteral(values);
}

/** Microseconds since 1970 → a parameter for `$n::timestamptz[]`. */
export function instantsParameter(micros: readonly (number | null)[]): Buffer | string {
  return binaryArray(micros, INSTANT) ?? arrayLiteral(micros.map(instant));
}

/** Undefined if a value does not have the usual form of its type. */
function binaryArray<T>(values: readonly (T | null)[], element: BinaryElement<T>): Buffer | undefined {
  let room = HEAD_BYTES;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? null;
    room += 4 + (value === null ? 0 : element.mostBytes(value));
  }
  const bytes = Buffer.allocUnsafe(room);
  const write = element.writer();
  let hasNulls = 0;
  let at = HEAD_BYTES;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? null;
    let length = NULL_ELEMENT;
    if (value === null) hasNulls = 1;
    else {
      length = write(bytes, at + 4, value);
      if (length < 0) return undefined;
    }
    writeInt32(bytes, at, length);
    at += 4 + Math.max(0, length);
  }
  writeInt32(bytes, 0, values.length === 0 ? 0 : 1);
  writeInt32(bytes, 4, hasNulls);
  writeInt32(bytes, 8, element.oid);
  if (values.length === 0) return bytes.subarray(0, 12);
  writeInt32(bytes, 12, values.length);
  writeInt32(bytes, 16, 1);
  return bytes.subarray(0, at);
}
