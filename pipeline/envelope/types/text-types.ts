import { quote } from '../json.ts';
import { copyOneOf, copyText } from './fast-path-values.ts';
import type { TypeContext, TypeMapping } from './type-mapping.ts';

/** For text that JSON never escapes, such as a UUID. */
export const quoteUnescaped = (text: string): string => `"${text}"`;

/**
 * Values that become a JSON string.
 * @param name Semantic type, such as `io.debezium.data.Json`; undefined for a plain string.
 */
export function textType(
  { config }: TypeContext,
  name?: string,
  computedDefault?: string,
  encode: TypeMapping['encode'] = quote,
): TypeMapping {
  return {
    schema: name === undefined ? { type: 'string' } : { type: 'string', name, version: 1 },
    encode,
    ...(encode === quote || encode === quoteUnescaped ? { copy: copyText } : {}),
    fallback: '""',
    placeholder: quote(config.unavailableValue),
    ...(computedDefault === undefined ? {} : { computedDefault }),
  };
}

/**
 * An enum: its labels, in order, are in the schema. A label that is not among them is a RangeError: `unlisted` tells it
 * beforehand, so that the column is described again with it.
 */
export function enumType(context: TypeContext, labels: readonly string[]): TypeMapping {
  const parameters = { allowed: labels.join(',') };
  const schema = { type: 'string', name: 'io.debezium.data.Enum', version: 1, parameters } as const;
  const listed = new Set(labels);
  return {
    ...textType(context),
    schema,
    copy: copyOneOf(labels),
    encode: (label) => {
      if (!listed.has(label)) throw new RangeError('the enum has no such label');
      return quote(label);
    },
    unlisted: (label) => (listed.has(label) ? [] : [label]),
  };
}

/** `bytea` under each `binary.handling.mode`. */
export function byteaType({ config }: TypeContext): TypeMapping {
  const asBytes = config.binary === 'bytes';
  const { unavailableValue: unavailable } = config;
  return {
    schema: { type: asBytes ? 'bytes' : 'string' },
    encode: (text) => {
      if (!text.startsWith('\\x')) throw new RangeError('the bytea is not in bytea_output hex');
      const hex = text.slice(2);
      if (config.binary === 'hex') return quoteUnescaped(hex);
      const base64 = Buffer.from(hex, 'hex').toString('base64');
      const urlSafe = config.binary === 'base64-url-safe';
      return quoteUnescaped(urlSafe ? base64.replaceAll('+', '-').replaceAll('/', '_') : base64);
    },
    fallback: '""',
    placeholder: quote(asBytes ? Buffer.from(unavailable).toString('base64') : unavailable),
  };
}
