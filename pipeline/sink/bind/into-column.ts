import type { ConnectSchema } from '../decode/connect-schema.ts';
import { isObject, parseJson } from '../decode/json.ts';
import { RecordError } from '../decode/record-error.ts';
import type { BinaryMode, Converter, TargetType } from './converter.ts';

// Fields whose Connect type is not that of the source's column, into a column that has the source's type: the table was
// not made by the sink, but by hand or by `pg_dump`.

const FORMS = { base64: /^[A-Za-z0-9+/]*={0,2}$/, 'base64-url-safe': /^[A-Za-z0-9_-]*={0,2}$/ } as const;

/** @throws RecordError under `bytes`, where no `bytea` comes as a string. */
export function byteaFrom(mode: BinaryMode): Converter {
  if (mode === 'bytes') {
    throw new RecordError(
      'the column is a bytea and the field is a string: set binary.handling.mode to the value that it has at the source connector',
    );
  }
  return (value) => {
    if (mode === 'hex' && typeof value === 'string' && /^(?:[\da-f]{2})*$/i.test(value)) return `\\x${value}`;
    if (mode !== 'hex' && typeof value === 'string' && FORMS[mode].test(value)) {
      return `\\x${Buffer.from(value, mode === 'base64' ? 'base64' : 'base64url').toString('hex')}`;
    }
    throw new RecordError(`wrong type: expected ${mode} text, as binary.handling.mode says`);
  };
}

/** Debezium's names for the values that are no decimal number. */
const NO_DECIMAL: Readonly<Record<string, string>> = {
  NAN: 'NaN',
  POSITIVE_INFINITY: 'Infinity',
  NEGATIVE_INFINITY: '-Infinity',
};

function numericText(value: unknown): string {
  if (typeof value !== 'string') throw new RecordError('wrong type: expected a number as text');
  return NO_DECIMAL[value] ?? value;
}

function hstoreText(value: unknown): string {
  const pairs = typeof value === 'string' ? parseJson(value, 'all') : value;
  if (!isObject(pairs)) throw new RecordError('wrong type: expected a JSON object for an hstore');
  const quoted = (text: unknown): string => `"${String(text).replace(/[\\"]/g, '\\$&')}"`;
  return Object.entries(pairs)
    .map(([name, text]) => `${quoted(name)}=>${text === null ? 'NULL' : quoted(text)}`)
    .join(', ');
}

function bitText(value: unknown): string {
  if (typeof value !== 'boolean') throw new RecordError('wrong type: expected a boolean for one bit');
  return value ? '1' : '0';
}

/**
 * The converter for such a field. Null: the field's usual converter will do.
 * @throws RecordError if the field cannot go into the column without a setting.
 */
export function converterInto(
  { type, name }: ConnectSchema,
  { typeName }: TargetType,
  binary: BinaryMode,
): Converter | null {
  switch (typeName) {
    case 'bytea':
      return type === 'string' ? byteaFrom(binary) : null;
    case 'numeric':
      return type === 'string' ? numericText : null;
    case 'hstore':
      return type === 'map' || name === 'io.debezium.data.Json' ? hstoreText : null;
    case 'bit':
    case 'varbit':
      return type === 'boolean' ? bitText : null;
    default:
      return null;
  }
}
