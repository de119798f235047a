import { UNCHANGED_HEADER } from '../../contract/envelope.ts';
import { POSITION_HEADER } from '../../contract/position.ts';
import type { ConsumedRecord } from '../../contract/records.ts';
import { derivePosition, formatLsn } from '../decode/derived-position.ts';
import { FastPathScanner, OFF_FAST_PATH } from '../decode/fast-path-scanner.ts';
import type { JsonObject } from '../decode/json.ts';
import type { SinkEvent } from '../decode/record-parser.ts';
import type { FieldBinding, KeyBinding, RowBinding } from './bindings.ts';
import { type Change, keyText, shapeOf } from './change.ts';
import type { Bound } from './event-binder.ts';
import type { SinkTable } from './sink-table.ts';

/** What the slow path found out about a record. */
export interface Example {
  readonly event: SinkEvent;
  readonly table: SinkTable;
  readonly row: RowBinding;
  readonly key: KeyBinding;
  /** The bytes before the payload of the record's value and key; empty if there is no schema block. */
  readonly prefixes: { readonly value: Buffer; readonly key: Buffer };
}

/** A member of a JSON object. `lead` is everything up to its value: `{"id":` or `,"id":`. */
interface Member<T> {
  readonly lead: Buffer;
  readonly what: T;
}

/** What the inserts and updates of a topic have in common, member by member: the form that the fast path reads. */
interface Form {
  readonly table: SinkTable;
  readonly keyPrefix: Buffer;
  readonly valuePrefix: Buffer;
  readonly key: readonly Member<{
    readonly name: string;
    readonly place: number;
    readonly convert: FieldBinding['convert'] | null;
  }>[];
  readonly keyNames: readonly string[];
  readonly row: readonly Member<FieldBinding | null>[];
  readonly source: readonly Member<string>[];
  /** The values that `source.schema` and `source.table` must have. */
  readonly named: Readonly<Record<string, Buffer>>;
  readonly shape: string;
  readonly blank: readonly undefined[];
}

/** The fields of the source block that are used. */
interface SourceFields extends JsonObject {
  lsn?: unknown;
  ts_us?: unknown;
  ts_ms?: unknown;
  sequence?: unknown;
  snapshot?: unknown;
}

const BEFORE = Buffer.from('{"before":');
const AFTER = Buffer.from(',"after":');
const SOURCE = Buffer.from(',"source":');
const TRANSACTION = Buffer.from(',"transaction":');
const OP = Buffer.from(',"op":');
const TS_MS = Buffer.from(',"ts_ms":');
const TS_US = Buffer.from(',"ts_us":');
const TS_NS = Buffer.from(',"ts_ns":');
const END = Buffer.from('}');

/**
 * The fast path from records to changes. It reads inserts and updates whose form (schema block, table, columns and their
 * order) equals that of the topic's last one. Nearly every record does, and takes a fifth of the time of `JSON.parse`
 * and all that follows it. Any other record falls back to the slow path, which also says what is wrong with a bad one.
 */
export class FastPathReader {
  readonly #scanner = new FastPathScanner();
  #forms = new Map<string, Form>();

  /** Forgets all forms: a table's structure may have changed. */
  forget(): void {
    this.#forms = new Map();
  }

  /** Takes the form of this record as the form of its topic. */
  learn({ event, table, row, key, prefixes }: Example): void {
    if (event.row === null || event.key === null) return;
    const { record, source } = event;
    const fields = new Map(row.fields.map((field) => [field.name, field]));
    this.#forms.set(record.topic, {
      table,
      keyPrefix: prefixes.key,
      valuePrefix: prefixes.value,
      key: membersOf(event.key, (name) => {
        const place = key.names.indexOf(name);
        return { name, place, convert: key.converters[place] ?? null };
      }),
      keyNames: key.names,
      row: membersOf(event.row, (name) => fields.get(name) ?? null),
      source: membersOf(source, (name) => name),
      named: {
        schema: Buffer.from(JSON.stringify(source.schema ?? null)),
        table: Buffer.from(JSON.stringify(source.table ?? null)),
      },
      shape: row.shape,
      blank: new Array(table.columns.length).fill(undefined),
    });
  }

  /** @returns undefined if the record has another form, or anything is wrong with it: it takes the slow path. */
  read(record: ConsumedRecord, index: number): Bound | undefined {
    const form = this.#forms.get(record.topic);
    if (form === undefined || record.key === null || record.value === null) return undefined;
    if (!startsWith(record.key, form.keyPrefix) || !startsWith(record.value, form.valuePrefix))
      return undefined;
    try {
      const keyValues = this.#key(record.key, form);
      const change = this.#change(record, record.value, form, keyValues, index);
      return { table: form.table, keys: form.keyNames, change };
    } catch {
      // The slow path meets the same error, and words it.
      return undefined;
    }
  }

  #key(bytes: Buffer, form: Form): string[] {
    const scanner = this.#scanner;
    const values: string[] = [];
    scanner.start(bytes, form.keyPrefix.length);
    for (const { lead, what } of form.key) {
      scanner.expect(lead);
      const value = scanner.value();
      if (what.convert === null) continue;
      if (value === null) throw OFF_FAST_PATH;
      values[what.place] = what.convert(value);
    }
    this.#end(form.keyPrefix);
    return values;
  }

  #change(record: ConsumedRecord, bytes: Buffer, form: Form, keyValues: string[], index: number): Change {
    const scanner = this.#scanner;
    scanner.start(bytes, form.valuePrefix.length);
    scanner.expect(BEFORE);
    scanner.skipValue();
    scanner.expect(AFTER);
    const values: (string | null | undefined)[] = form.blank.slice();
    const isPartial = this.#row(form, values);
    scanner.expect(SOURCE);
    const header = record.headers.get(POSITION_HEADER)?.toString('latin1') ?? null;
    const source = this.#source(form, header === null);
    scanner.expect(TRANSACTION);
    scanner.skipValue();
    scanner.expect(OP);
    const op = scanner.value();
    if (op !== 'c' && op !== 'u' && op !== 'r') throw OFF_FAST_PATH;
    // The placeholder's form need not mean it.
    if (isPartial && (op !== 'u' || record.headers.has(UNCHANGED_HEADER))) throw OFF_FAST_PATH;
    const capturedUs = this.#capturedUs();
    this.#end(form.valuePrefix);
    return {
      kind: 'upsert',
      key: keyText(keyValues),
      keyValues,
      position: header ?? derivePosition(source, record.offset),
      fromSnapshot: op === 'r',
      values,
      isPartial,
      op,
      lsn: formatLsn(source.lsn),
      sourceTsUs: microsOf(source.ts_us, source.ts_ms),
      capturedUs,
      index,
      shape: isPartial ? shapeOf(values) : form.shape,
    };
  }

  /** Expects the closing braces of the payload and, with a schema block, of the record; then the end. */
  #end(prefix: Buffer): void {
    this.#scanner.expect(END);
    if (prefix.length > 0) this.#scanner.expect(END);
    if (!this.#scanner.isAtEnd) throw OFF_FAST_PATH;
  }

  /** Fills in the row's values. True if one of them has the placeholder's form. */
  #row(form: Form, values: (string | null | undefined)[]): boolean {
    const scanner = this.#scanner;
    let isPartial = false;
    for (const { lead, what: field } of form.row) {
      scanner.expect(lead);
      const value = scanner.value();
      if (field === null) continue;
      if (value === null) values[field.column] = null;
      else if (field.hasPlaceholderForm?.(value)) isPartial = true;
      else values[field.column] = field.convert(value);
    }
    scanner.expect(END);
    return isPartial;
  }

  #source(form: Form, withSequence: boolean): SourceFields {
    const scanner = this.#scanner;
    const source: SourceFields = {};
    for (const { lead, what: name } of form.source) {
      scanner.expect(lead);
      switch (name) {
        case 'schema':
        case 'table':
          scanner.expect(form.named[name] ?? END);
          break;
        case 'lsn':
        case 'ts_us':
        case 'ts_ms':
          source[name] = scanner.value();
          break;
        case 'sequence':
        case 'snapshot':
          if (withSequence) source[name] = scanner.value();
          else scanner.skipValue();
          break;
        default:
          scanner.skipValue();
      }
    }
    scanner.expect(END);
    return source;
  }

  #capturedUs(): number | null {
    const scanner = this.#scanner;
    scanner.expect(TS_MS);
    const ms = scanner.value();
    const us = scanner.skips(TS_US) ? scanner.value() : null;
    if (scanner.skips(TS_NS)) scanner.skipValue();
    return microsOf(us, ms);
  }
}

function membersOf<T>(object: JsonObject, what: (name: string) => T): Member<T>[] {
  return Object.keys(object).map((name, i) => {
    return { lead: Buffer.from(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`), what: what(name) };
  });
}

function startsWith(bytes: Buffer, prefix: Buffer): boolean {
  const { length } = prefix;
  return length === 0 || (bytes.length > length && bytes.compare(prefix, 0, length, 0, length) === 0);
}

function microsOf(us: unknown, ms: unknown): number | null {
  if (typeof us === 'number') return us;
  return typeof ms === 'number' ? ms * 1_000 : null;
}
