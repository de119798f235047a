import type { EncoderConfig } from '../../contract/envelope.ts';
import { inJavaMapOrder } from '../../contract/java-map.ts';
import type { ConnectSchema } from '../connect-schema.ts';
import { quote } from '../json.ts';
import type { TypeMapping } from './type-mapping.ts';

/** An hstore's keys are never NULL; its values may be. */
const HSTORE_MAP: ConnectSchema = {
  type: 'map',
  keys: { type: 'string' },
  values: { type: 'string', optional: true },
};

/** `hstore` under each `hstore.handling.mode`. */
export function hstoreType({ hstore: mode, unavailableValue }: EncoderConfig): TypeMapping {
  const placeholder = `{${quote(unavailableValue)}:${quote(unavailableValue)}}`;
  if (mode === 'map') {
    return { schema: HSTORE_MAP, encode: hstoreJson, fallback: '{}', placeholder };
  }
  return {
    schema: { type: 'string', name: 'io.debezium.data.Json', version: 1 },
    encode: (text) => quote(hstoreJson(text)),
    fallback: '"{}"',
    placeholder: quote(placeholder),
  };
}

const PAIR = /"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)(?:, |$)/gsy;

/**
 * An hstore as a JSON object. Its pairs are in the order of Java's `HashMap`, as in Debezium's text, because
 * consumers compare the column as text.
 * @throws RangeError if the text is not an hstore.
 */
function hstoreJson(text: string): string {
  const pairs = inJavaMapOrder(parse(text));
  return `{${pairs.map(([key, value]) => `${quote(key)}:${value === null ? 'null' : quote(value)}`).join(',')}}`;
}

type Pair = readonly [key: string, value: string | null];

function parse(text: string): Pair[] {
  const pairs: Pair[] = [];
  // A copy, so that the position of its last match is not shared.
  const pair = new RegExp(PAIR);
  while (pair.lastIndex < text.length) {
    const match = pair.exec(text);
    if (match === null) throw new RangeError('the text is not a PostgreSQL hstore');
    pairs.push([unescaped(match[1] ?? ''), match[2] === undefined ? null : unescaped(match[2])]);
  }
  return pairs;
}

function unescaped(text: string): string {
  return text.includes('\\') ? text.replace(/\\(.)/gs, '$1') : text;
}
