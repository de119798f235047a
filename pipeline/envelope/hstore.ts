import { inJavaMapOrder } from '../contract/java-map.ts';
import type { ConnectSchema } from './connect-schema.ts';
import { quote } from './json.ts';

/** Keys are never null, values may be. */
export const HSTORE_SHAPE: ConnectSchema = {
  type: 'map',
  keys: { type: 'string' },
  values: { type: 'string', optional: true },
};

const PAIR = /"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)(?:, |$)/gsy;

/**
 * An hstore as a JSON object, its pairs in the order in which Java's `HashMap` goes through them: the text that Debezium
 * writes is a value of its column, and must be the same.
 * @throws RangeError on text that is no hstore.
 */
export function hstoreJson(text: string): string {
  const pairs = inJavaMapOrder(parse(text));
  return `{${pairs.map(([key, value]) => `${quote(key)}:${value === null ? 'null' : quote(value)}`).join(',')}}`;
}

type Pair = readonly [key: string, value: string | null];

function parse(text: string): Pair[] {
  const pairs: Pair[] = [];
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < text.length) {
    const match = PAIR.exec(text);
    if (match === null) throw new RangeError('the text is no hstore of PostgreSQL');
    pairs.push([unescaped(match[1] ?? ''), match[2] === undefined ? null : unescaped(match[2])]);
  }
  return pairs;
}

function unescaped(text: string): string {
  return text.includes('\\') ? text.replace(/\\(.)/gs, '$1') : text;
}
