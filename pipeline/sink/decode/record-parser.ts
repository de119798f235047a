/**
 * `pipeline/sink/decode`: reads Kafka records as Debezium's change events.
 * In: a record's key, value and headers, as JsonConverter writes them.
 * Out: an event with its table's schema, its row and its position; on the fast path only the values that are used.
 * Promises: no whole number loses a digit; the fast path accepts only what `JSON.parse` reads in the same way; whatever is
 *   not a change event is a RecordError that says why.
 */

import { OLD_KEY_HEADER, UNCHANGED_HEADER } from '../../contract/envelope.ts';
import { POSITION_HEADER } from '../../contract/position.ts';
import type { ConsumedRecord } from '../../contract/records.ts';
import { type ConnectSchema, fieldOf, readSchema } from './connect-schema.ts';
import { derivePosition } from './derived-position.ts';
import { isObject, type JsonObject, parseJson, schemaPrefixLength } from './json.ts';
import { RecordError } from './record-error.ts';

/** A change event, as the sink reads it from a record. */
export interface SinkEvent {
  readonly record: ConsumedRecord;
  /** `ignore`: a logical decoding message, which belongs to no table. */
  readonly kind: 'upsert' | 'delete' | 'tombstone' | 'truncate' | 'ignore';
  readonly op: string;
  readonly source: JsonObject;
  readonly key: JsonObject | null;
  readonly keySchema: ConnectSchema | null;
  /** `after` of an upsert, `before` of a delete. */
  readonly row: JsonObject | null;
  readonly rowSchema: ConnectSchema | null;
  /** Null only for a tombstone without a position header (Debezium's): it has the position of the delete before it. */
  readonly position: string | null;
  /**
   * The fields that hold the placeholder of an unchanged TOAST value. Null: each field whose value has its form, because
   * the event does not say.
   */
  readonly unchanged: readonly string[] | null;
  /** When the capture made the event, in microseconds since the epoch; null if the event does not say. */
  readonly capturedUs: number | null;
}

/** Which parts of a record carry a schema block: JsonConverter's `schemas.enable`. */
export interface RecordSchemas {
  readonly key: boolean;
  readonly value: boolean;
}

/** The schema block that the records of a topic begin with, and the schemas in it. */
interface Prefix {
  readonly bytes: Buffer;
  readonly schema: ConnectSchema | null;
  readonly after: ConnectSchema | null;
  readonly before: ConnectSchema | null;
}
interface Parsed {
  readonly payload: unknown;
  readonly prefix: Prefix | null;
}

const EXACT_FIELDS = ['before', 'after'];
const CLOSING_BRACE = 0x7d;
const NO_PREFIX = Buffer.alloc(0);
const NO_SOURCE: JsonObject = {};

/**
 * Records → events. Keeps the last schema block of each topic: with `schemas.enable` it is nine tenths of a record and
 * always the same, and comparing bytes is far cheaper than parsing them.
 */
export class RecordParser {
  readonly #schemas: RecordSchemas;
  readonly #values = new Map<string, Prefix>();
  readonly #keys = new Map<string, Prefix>();

  constructor(schemas: RecordSchemas) {
    this.#schemas = schemas;
  }

  /** @throws RecordError if the record is not a change event. */
  parse(record: ConsumedRecord): SinkEvent {
    const header = record.headers.get(POSITION_HEADER)?.toString('latin1') ?? null;
    const parsedKey =
      record.key === null ? null : this.#read(this.#keys, record.topic, record.key, 'all', 'key');
    const key = parsedKey !== null && isObject(parsedKey.payload) ? parsedKey.payload : null;
    const base = { record, key, keySchema: parsedKey?.prefix?.schema ?? null };
    if (record.value === null) {
      const none = {
        op: 'd',
        source: NO_SOURCE,
        row: null,
        rowSchema: null,
        unchanged: [],
        capturedUs: null,
      };
      return { ...base, ...none, kind: 'tombstone', position: header };
    }
    const { payload, prefix } = this.#read(this.#values, record.topic, record.value, EXACT_FIELDS, 'value');
    if (!isObject(payload) || typeof payload.op !== 'string' || !isObject(payload.source)) {
      throw new RecordError('the value is not a Debezium envelope: op or source is missing');
    }
    const { op, source } = { op: payload.op, source: payload.source };
    const unchanged = unchangedOf(op, record);
    const event = { ...base, op, source, unchanged, capturedUs: numberOf(payload.ts_us, payload.ts_ms) };
    const position = header ?? derivePosition(source, record.offset);
    switch (op) {
      case 'c':
      case 'r':
      case 'u':
        return {
          ...event,
          kind: 'upsert',
          row: rowOf(payload, 'after'),
          rowSchema: prefix?.after ?? null,
          position,
        };
      case 'd': {
        const before = isObject(payload.before) ? payload.before : null;
        return { ...event, kind: 'delete', row: before, rowSchema: prefix?.before ?? null, position };
      }
      case 't':
        return { ...event, kind: 'truncate', row: null, rowSchema: null, position };
      case 'm':
        return { ...event, kind: 'ignore', row: null, rowSchema: null, position };
      default:
        throw new RecordError(`the operation '${op}' is unknown`);
    }
  }

  /** The bytes of a record before its payload if they are the topic's schema block; otherwise none. */
  prefixesOf({ topic, key, value }: ConsumedRecord): { readonly key: Buffer; readonly value: Buffer } {
    const prefix = (bytes: Buffer | null, known: Buffer = NO_PREFIX): Buffer =>
      bytes?.subarray(0, known.length).equals(known) === true ? known : NO_PREFIX;
    return {
      key: prefix(key, this.#keys.get(topic)?.bytes),
      value: prefix(value, this.#values.get(topic)?.bytes),
    };
  }

  #read(
    cache: Map<string, Prefix>,
    topic: string,
    bytes: Buffer,
    exact: readonly string[] | 'all',
    what: 'key' | 'value',
  ): Parsed {
    if (!this.#schemas[what]) return withoutSchema(bytes, exact, what);
    const known = cache.get(topic);
    const length = known?.bytes.length ?? 0;
    if (
      known !== undefined &&
      bytes.length > length &&
      bytes.compare(known.bytes, 0, length, 0, length) === 0
    ) {
      return { payload: parseJson(payloadText(bytes, length), exact), prefix: known };
    }
    const prefixLength = schemaPrefixLength(bytes);
    if (prefixLength === undefined) return wrapped(bytes, exact, what);
    const head = parseJson(`${bytes.toString('utf8', 0, prefixLength)}null}`, 'all') as JsonObject;
    const schema = head.schema === null ? null : readSchema(head.schema);
    const prefix = {
      bytes: Buffer.from(bytes.subarray(0, prefixLength)),
      schema,
      after: fieldOf(schema, 'after'),
      before: fieldOf(schema, 'before'),
    };
    cache.set(topic, prefix);
    return { payload: parseJson(payloadText(bytes, prefixLength), exact), prefix };
  }
}

/** The payload after the schema block, without the brace that closes the record. */
function payloadText(bytes: Buffer, start: number): string {
  if (bytes[bytes.length - 1] === CLOSING_BRACE) return bytes.toString('utf8', start, bytes.length - 1);
  const end = bytes.lastIndexOf(CLOSING_BRACE);
  if (end < start || bytes.toString('latin1', end + 1).trim() !== '') {
    throw new RecordError('not JSON: the closing brace is missing');
  }
  return bytes.toString('utf8', start, end);
}

/** `schemas.enable=false`: all of it is payload. */
function withoutSchema(bytes: Buffer, exact: readonly string[] | 'all', what: 'key' | 'value'): Parsed {
  const payload = parseJson(bytes.toString('utf8'), exact);
  if (isObject(payload) && isObject(payload.schema) && Object.hasOwn(payload, 'payload')) {
    throw new RecordError(
      `the ${what} has a schema block, and ${what}.converter.schemas.enable is false: set it to true`,
    );
  }
  return { payload, prefix: null };
}

/** Reads a record that does not begin with its schema block, although it has one: its members are in another order. */
function wrapped(bytes: Buffer, exact: readonly string[] | 'all', what: 'key' | 'value'): Parsed {
  const json = parseJson(bytes.toString('utf8'), exact);
  if (!isObject(json) || !Object.hasOwn(json, 'schema') || !Object.hasOwn(json, 'payload')) {
    throw new RecordError(
      `the ${what} has no schema block, and ${what}.converter.schemas.enable is true: set it to false, or to true at the source connector`,
    );
  }
  const whole = parseJson(bytes.toString('utf8'), 'all');
  if (!isObject(whole)) throw new RecordError(`the ${what} is not an object`);
  const schema = whole.schema === null ? null : readSchema(whole.schema);
  const prefix = {
    bytes,
    schema,
    after: fieldOf(schema, 'after'),
    before: fieldOf(schema, 'before'),
  };
  return { payload: whole.payload, prefix };
}

const NONE: readonly string[] = [];

/**
 * Only an UPDATE leaves values out. One that changes the key arrives as a delete and a create with the old key in a
 * header. In every other event, a value with the placeholder's form is the source's own.
 */
function unchangedOf(op: string, { headers }: ConsumedRecord): readonly string[] | null {
  const marked = headers.get(UNCHANGED_HEADER);
  if (marked !== undefined) {
    const names = parseJson(marked.toString(), 'all');
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
    throw new RecordError(`the header ${UNCHANGED_HEADER} is not a JSON array of names`);
  }
  return op === 'u' || (op === 'c' && headers.has(OLD_KEY_HEADER)) ? null : NONE;
}

function rowOf(payload: JsonObject, field: 'after'): JsonObject {
  const row = payload[field];
  if (!isObject(row)) throw new RecordError(`the event has no '${field}'`);
  return row;
}

function numberOf(us: unknown, ms: unknown): number | null {
  if (typeof us === 'number') return us;
  return typeof ms === 'number' ? ms * 1000 : null;
}
