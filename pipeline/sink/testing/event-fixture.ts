// Change events by hand, for tests: written from Debezium's documentation, without the code of the capture.
import type { ConsumedRecord } from '../../contract/records.ts';

/** A field's schema and, by name, what goes in it. */
export interface FieldSchema {
  readonly type: string;
  readonly optional?: boolean;
  readonly name?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly default?: unknown;
  readonly items?: FieldSchema;
}
export type Fields = Readonly<Record<string, FieldSchema>>;

export const CUSTOMER: Fields = {
  id: { type: 'int32', optional: false },
  name: { type: 'string', optional: true },
  amount: {
    type: 'bytes',
    optional: true,
    name: 'org.apache.kafka.connect.data.Decimal',
    parameters: { scale: '2', 'connect.decimal.precision': '12' },
  },
};

export interface EventSpec {
  readonly op: 'c' | 'r' | 'u' | 'd' | 't';
  readonly id?: number | string;
  readonly before?: Readonly<Record<string, unknown>> | null;
  readonly after?: Readonly<Record<string, unknown>> | null;
  /** Place in the source's history: `(timeline 1, commit, ordinal)`. Null: no header, as Debezium. */
  readonly at: readonly [commit: number, ordinal: number] | null;
  readonly table?: string;
  readonly fields?: Fields | null;
  readonly source?: Readonly<Record<string, unknown>>;
}

export function positionAt(commit: number, ordinal: number): string {
  const hex = (n: number, width: number): string => n.toString(16).toUpperCase().padStart(width, '0');
  return `${hex(1, 8)}-${hex(commit, 16)}-${hex(ordinal, 8)}`;
}

function struct(fields: Fields, field?: string): Record<string, unknown> {
  const list = Object.entries(fields).map(([name, schema]) => ({ ...schema, field: name }));
  return { type: 'struct', fields: list, optional: true, ...(field === undefined ? {} : { field }) };
}

export interface RawRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** JSON of one event, with schema blocks where `fields` are given (CUSTOMER by default; null: none). */
export function rawEvent(spec: EventSpec): RawRecord {
  const fields = spec.fields === undefined ? CUSTOMER : spec.fields;
  const keyPayload = spec.op === 't' ? null : { id: spec.id };
  const payload = {
    before: spec.before ?? null,
    after: spec.after ?? null,
    source: {
      version: '3.6.0',
      connector: 'postgresql',
      name: 'lab',
      ts_ms: 1_700_000_000_000,
      snapshot: spec.op === 'r' ? 'true' : 'false',
      db: 'source',
      sequence: '[null,"100"]',
      ts_us: 1_700_000_000_000_001,
      ts_ns: 0,
      schema: 'public',
      table: spec.table ?? 'customers',
      txId: 7,
      lsn: 305_419_896,
      xmin: null,
      ...spec.source,
    },
    transaction: null,
    op: spec.op,
    ts_ms: 1_700_000_000_500,
    ts_us: 1_700_000_000_500_000,
    ts_ns: 0,
  };
  const idSchema = fields?.id ?? { type: 'int32', optional: false };
  const wrap = (schema: unknown, content: unknown): string =>
    JSON.stringify(fields === null ? content : { schema, payload: content });
  const valueSchema = {
    type: 'struct',
    fields: [
      { ...struct(fields ?? {}, 'before') },
      { ...struct(fields ?? {}, 'after') },
      { type: 'struct', fields: [], optional: false, field: 'source' },
    ],
    optional: false,
    name: 'Envelope',
  };
  return {
    key: keyPayload === null ? null : wrap(struct({ id: idSchema }), keyPayload),
    value: wrap(valueSchema, payload),
    headers: spec.at === null ? {} : { 'cdc.position': positionAt(...spec.at) },
  };
}

/** The tombstone that follows a delete. */
export function rawTombstone(id: number, at: readonly [number, number] | null): RawRecord {
  const event = rawEvent({ op: 'd', id, at, before: { id } });
  return { ...event, value: null };
}

/** The record behind a snapshot that sweeps, for one partition. */
export function rawSweep(
  snapshot: string,
  before: readonly [commit: number, ordinal: number],
  partitions = 1,
): RawRecord {
  const source = { name: 'lab', db: 'source', schema: 'public', table: 'customers' };
  const order = { snapshot, partitions, before: positionAt(...before), key: ['id'], source };
  const key = '{"schema":null,"payload":null}';
  return { key, value: null, headers: { 'cdc.sweep': JSON.stringify(order) } };
}

/** As if it came from Kafka. */
export function consumed(
  raw: RawRecord,
  offset: number,
  topic = 'lab.public.customers',
  partition = 0,
): ConsumedRecord {
  return {
    topic,
    partition,
    offset: BigInt(offset),
    key: raw.key === null ? null : Buffer.from(raw.key),
    value: raw.value === null ? null : Buffer.from(raw.value),
    headers: new Map(Object.entries(raw.headers).map(([name, text]) => [name, Buffer.from(text)])),
    timestampMs: 1_700_000_000_600,
  };
}

/** `12.34` as the bytes of a Decimal with scale 2. */
export function decimal(cents: number): string {
  const bytes = Buffer.alloc(6);
  bytes.writeIntBE(cents, 0, 6);
  return bytes.toString('base64');
}
