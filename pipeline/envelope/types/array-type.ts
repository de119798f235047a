import { createHash } from 'node:crypto';
import type { EncoderConfig } from '../../contract/envelope.ts';
import { quote } from '../json.ts';
import type { TypeMapping } from './type-mapping.ts';

/** Base types whose arrays Debezium leaves out of its events. */
const NO_ARRAYS: ReadonlySet<string> = new Set([
  ...['interval', 'name', 'xml', 'tsvector', 'money', 'bit', 'varbit', 'point', 'isbn'],
]);

/** A one-dimensional array of that element; null if its arrays are not supported. */
export function arrayType(
  element: TypeMapping,
  elementName: string,
  config: EncoderConfig,
): TypeMapping | null {
  if (NO_ARRAYS.has(elementName)) return null;
  const encode = (text: string): string => {
    const elements = parseArray(text);
    if (elements === null) throw new RangeError('an array of more than one dimension has no Connect form');
    return `[${elements.map((value) => (value === null ? 'null' : element.encode(value))).join(',')}]`;
  };
  const { unlisted } = element;
  return {
    schema: { type: 'array', items: { ...element.schema, optional: true } },
    encode,
    fallback: '[]',
    placeholder: arrayPlaceholder(element, elementName, config.unavailableValue),
    lossOf: (text) => (text.startsWith('[') ? 'the bounds of an array that does not begin at 1' : undefined),
    ...(unlisted === undefined
      ? {}
      : { unlisted: (text: string) => labelsOf(text).flatMap((label) => unlisted(label)) }),
  };
}

/** The elements that are not NULL; none of an array that {@link arrayType} refuses. */
function labelsOf(text: string): string[] {
  return parseArray(text)?.filter((element) => element !== null) ?? [];
}

/** Debezium's placeholders for arrays. If it has none for a type and would write NULL, that of the nearest type. */
function arrayPlaceholder(element: TypeMapping, elementName: string, unavailable: string): string | null {
  if (elementName === 'uuid') return `["${nameUuid(unavailable)}"]`;
  if (element.placeholder !== null) return `[${element.placeholder}]`;
  if (element.schema.type === 'string') return `[${quote(unavailable)}]`;
  if (!element.schema.type.startsWith('int')) return null;
  return `[${[...Buffer.from(unavailable)].join(',')}]`;
}

/** A version 3 UUID of the name alone, without a namespace, as Java's `UUID.nameUUIDFromBytes` makes it. */
function nameUuid(name: string): string {
  const hash = createHash('md5').update(name).digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x30;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/**
 * The elements of a one-dimensional array in PostgreSQL's text form, with null for NULL. The result is null if the
 * array has several dimensions. A lower bound other than 1 (`[2:3]={…}`) is dropped, as Debezium drops it. Source:
 * PostgreSQL manual, "Array Input and Output Syntax".
 * @throws RangeError if the text is not an array.
 */
function parseArray(text: string): (string | null)[] | null {
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  if (text[start] !== '{' || !text.endsWith('}')) throw notAnArray();
  const end = text.length - 1;
  const elements: (string | null)[] = [];
  let at = start + 1;
  if (at === end) return elements;
  for (;;) {
    if (text[at] === '{') return null;
    const quoted = text[at] === '"';
    const stop = quoted ? closingQuote(text, at + 1) : bareEnd(text, at, end);
    const raw = text.slice(quoted ? at + 1 : at, stop);
    if (!quoted && raw === '') throw notAnArray();
    elements.push(!quoted && raw === 'NULL' ? null : raw.includes('\\') ? raw.replace(/\\(.)/gs, '$1') : raw);
    at = quoted ? stop + 1 : stop;
    if (at === end) return elements;
    if (text[at] !== ',') throw notAnArray();
    at += 1;
  }
}

function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length - 1; at += 1) {
    if (text[at] === '"') return at;
    if (text[at] === '\\') at += 1;
  }
  throw notAnArray();
}

function bareEnd(text: string, from: number, end: number): number {
  const comma = text.indexOf(',', from);
  return comma < 0 ? end : comma;
}

/** The message does not quote the text, because it is a row's value. */
function notAnArray(): RangeError {
  return new RangeError('the text is not a PostgreSQL array');
}
