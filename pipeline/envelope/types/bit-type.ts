import type { TypeMapping } from './type-mapping.ts';

/**
 * `bit(n)` and `varbit(n)`. One bit is a boolean. More are bytes, little-endian: the text's last bit is the lowest
 * bit of the first byte. Zeros before the text's first 1 are left out.
 */
export function bitType(typeModifier: number): TypeMapping {
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
  // PostgreSQL's JDBC driver reports this length for a varbit without a limit.
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
