import { type CopyValue, copyBoolean, copyInteger } from './fast-path-values.ts';
import { floatJson } from './number-text.ts';
import type { TypeMapping } from './type-mapping.ts';

const unchanged = (text: string): string => text;

export const BOOLEAN: TypeMapping = {
  schema: { type: 'boolean' },
  encode: (text) => (text === 't' ? 'true' : 'false'),
  copy: copyBoolean,
  fallback: 'false',
  placeholder: null,
  computedDefault: 'false',
};

export function integerType(type: 'int16' | 'int32' | 'int64', hasComputedDefault = true): TypeMapping {
  return {
    schema: { type },
    encode: unchanged,
    copy: copyInteger,
    fallback: '0',
    placeholder: null,
    ...(hasComputedDefault ? { computedDefault: '0' } : {}),
  };
}

export function floatType(type: 'float' | 'double'): TypeMapping {
  return { schema: { type }, encode: floatJson, fallback: '0.0', placeholder: null, computedDefault: '0.0' };
}

/** A whole number with a semantic type, such as a date in days. */
export function semanticNumber(
  type: 'int32' | 'int64',
  name: string,
  encode: TypeMapping['encode'],
  copy?: CopyValue,
): TypeMapping {
  const fastPath = copy === undefined ? {} : { copy };
  const schema = { type, name, version: 1 };
  return { schema, encode, ...fastPath, fallback: '0', placeholder: null, computedDefault: '0' };
}
