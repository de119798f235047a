import { createHash } from 'node:crypto';
import type { ConnectSchema } from '../decode/connect-schema.ts';
import { isObject } from '../decode/json.ts';
import type { TargetType } from './converter.ts';

/** True for a value that has the form of the placeholder. Null: no value of the field has it. */
export type PlaceholderTest = ((value: unknown) => boolean) | null;

/**
 * Debezium's placeholder of an unchanged TOAST value, in the form that it takes for each type of a field. A value of
 * the source can have that form too: whether it is one, the event says (`SinkEvent.unchanged`).
 */
export class PlaceholderForms {
  readonly #text: PlaceholderTest;
  readonly #bytes: PlaceholderTest;
  readonly #map: PlaceholderTest;
  readonly #maps: PlaceholderTest;
  readonly #texts: PlaceholderTest;
  readonly #uuids: PlaceholderTest;
  readonly #integers: PlaceholderTest;
  readonly #byteArrays: PlaceholderTest;

  constructor(placeholder: string) {
    const name = JSON.stringify(placeholder);
    // An hstore is a JSON object in text.
    const json = `{${name}:${name}}`;
    const base64 = Buffer.from(placeholder).toString('base64');
    const uuid = nameUuid(placeholder);
    const codes = [...Buffer.from(placeholder)];
    const text = (value: unknown): boolean => value === placeholder || value === json;
    const bytes = (value: unknown): boolean => value === placeholder || value === base64;
    const only = (element: (value: unknown) => boolean) => (value: unknown) =>
      Array.isArray(value) && value.length === 1 && element(value[0]);
    this.#text = text;
    this.#bytes = bytes;
    const map = (value: unknown): boolean =>
      isObject(value) ? value[placeholder] === placeholder && Object.keys(value).length === 1 : text(value);
    this.#map = map;
    this.#maps = only(map);
    this.#texts = only(text);
    this.#uuids = only((value) => value === uuid || value === placeholder);
    this.#byteArrays = only(bytes);
    this.#integers = (value) =>
      Array.isArray(value) && value.length === codes.length && codes.every((code, i) => value[i] === code);
  }

  /** The test for a field with a schema. */
  ofSchema({ type, name, items }: ConnectSchema): PlaceholderTest {
    if (type === 'array') {
      if (items?.type.startsWith('int') === true) return this.#integers;
      if (items?.name === 'io.debezium.data.Uuid') return this.#uuids;
      if (items?.type === 'bytes') return items.name === null ? this.#byteArrays : null;
      return items?.type === 'map' ? this.#maps : this.#texts;
    }
    if (type === 'bytes') return name === null ? this.#bytes : null;
    return type === 'string' ? this.#text : type === 'map' ? this.#map : null;
  }

  /** The test for a field without a schema, by the type of its column. */
  ofTarget({ typeName, isArray }: TargetType): PlaceholderTest {
    if (isArray) {
      if (/^int[248]$/.test(typeName)) return this.#integers;
      if (typeName === 'hstore') return this.#maps;
      return typeName === 'uuid' ? this.#uuids : typeName === 'bytea' ? this.#byteArrays : this.#texts;
    }
    if (typeName === 'bytea') return this.#bytes;
    return ['hstore', 'json', 'jsonb'].includes(typeName) ? this.#map : this.#text;
  }
}

/** A version 3 UUID of the name alone, without a namespace, as Java's `UUID.nameUUIDFromBytes` makes it. */
function nameUuid(name: string): string {
  const hash = createHash('md5').update(name).digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x30;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
