// JSON is written by hand: a `bigint` beyond 2^53 must keep its digits, and a key must have exactly the bytes that
// Debezium's JsonConverter (Jackson) writes, or the partitioner would send it to another partition.

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON requires control characters to be escaped.
const SPECIAL = /["\\\u0000-\u001f\ud800-\udfff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
const SPECIALS = /["\\\u0000-\u001f\ud800-\udfff]/g;

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** A JSON string, escaped as Jackson does: upper-case hex, and two escapes for a character beyond the BMP. */
export function quote(text: string): string {
  return SPECIAL.test(text) ? `"${text.replace(SPECIALS, escaped)}"` : `"${text}"`;
}

function escaped(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}
