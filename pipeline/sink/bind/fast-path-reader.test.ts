import type { ClientBase } from 'pg';
import { expect, test } from 'vitest';
import type { ConsumedRecord } from '../../contract/records.ts';
import { parseSinkConfig } from '../config/sink-config.ts';
import { RecordParser } from '../decode/record-parser.ts';
import {
  CUSTOMER,
  consumed,
  decimal,
  type EventSpec,
  positionAt,
  rawEvent,
} from '../testing/event-fixture.ts';
import { Binder } from './binder.ts';
import { bindKey, bindRow } from './bindings.ts';
import type { Change } from './change.ts';
import { FastPathReader } from './fast-path-reader.ts';
import { PlaceholderForms } from './placeholder.ts';
import type { SinkTable } from './sink-table.ts';

const PLACEHOLDER = '__debezium_unavailable_value';
const FORMS = { placeholder: new PlaceholderForms(PLACEHOLDER), binary: 'bytes' } as const;
const configOf = (schemas: boolean) =>
  parseSinkConfig({
    topics: 't',
    'key.converter.schemas.enable': String(schemas),
    'value.converter.schemas.enable': String(schemas),
    'connection.url': 'jdbc:postgresql://localhost/sink',
    'connection.username': 'u',
    'collection.name.format': '${source.table}',
  });

const column = (name: string, castType: string, typeName: string) => {
  const flags = { isArray: false, notNull: false, hasDefault: false, isAlwaysIdentity: false };
  return { name, typeName, castType, typeModifier: -1, ...flags };
};
const TABLE: SinkTable = {
  name: { schema: 'public', table: 'customers', qualified: 'public.customers', sql: '"customers"' },
  columns: [
    column('amount', 'numeric', 'numeric'),
    column('id', 'integer', 'int4'),
    column('name', 'text', 'text'),
  ],
  generated: new Set(),
  indexOf: new Map([
    ['amount', 0],
    ['id', 1],
    ['name', 2],
  ]),
  rows: 'ONLY "public"."customers"',
  uniqueSets: new Set(['id']),
};

const event = (extra: Partial<EventSpec> = {}, offset = 0): ConsumedRecord => {
  const after = { id: 7, name: 'é "quoted"\n', amount: decimal(-1234) };
  return consumed(rawEvent({ op: 'u', id: 7, after, at: [9, 3], ...extra }), offset);
};

/** A reader that has learned this record's form. */
function readerAfter(record: ConsumedRecord, schemas = true): FastPathReader {
  const parser = new RecordParser({ key: schemas, value: schemas });
  const parsed = parser.parse(record);
  const reader = new FastPathReader();
  reader.learn({
    event: parsed,
    table: TABLE,
    row: bindRow(TABLE, Object.keys(parsed.row ?? {}), parsed.rowSchema, FORMS),
    key: bindKey(TABLE, ['id'], parsed.keySchema, FORMS),
    prefixes: parser.prefixesOf(record),
  });
  return reader;
}

/** What the slow path makes of it. */
async function byParser(record: ConsumedRecord, schemas: boolean): Promise<Change | undefined> {
  const answers = [
    TABLE.columns.map((c) => ({
      attname: c.name,
      cast_type: c.castType,
      type_name: c.typeName,
      atttypmod: -1,
      attidentity: '',
      attgenerated: '',
    })),
    [],
    [{ names: ['id'] }],
  ];
  const client = { query: async () => ({ rows: answers.shift() ?? [] }) } as unknown as ClientBase;
  // A new binder reads its first record on the slow path.
  const { tables } = await new Binder(configOf(schemas)).bind(client, [record]);
  return tables.get('public.customers')?.changes[0];
}

test.each<[string, Partial<EventSpec>]>([
  ['an update', {}],
  ['an insert', { op: 'c' }],
  ['a row of a snapshot', { op: 'r', source: { snapshot: 'true' } }],
  ['an update with the old row', { before: { id: 7, name: '}]', amount: null } }],
  ['NULL', { after: { id: 7, name: null, amount: null } }],
  ['an unchanged TOAST value', { after: { id: 7, name: PLACEHOLDER, amount: decimal(1) } }],
  ['no position in the header', { at: null, source: { sequence: '["400","600"]' } }],
  ['no LSN', { source: { lsn: null } }],
  ['no time at the source', { source: { ts_us: null, ts_ms: null } }],
])('reads %s as the slow path does', async (_what, spec) => {
  for (const fields of [CUSTOMER, null]) {
    const record = event({ fields, ...spec }, 5);
    const read = readerAfter(event({ fields }), fields !== null).read(record, 0);
    expect(read).toMatchObject({ table: TABLE, keys: ['id'] });
    const expected = await byParser(record, fields !== null);
    expect(expected).toMatchObject({ kind: 'upsert', key: '7' });
    expect(read?.change).toEqual(expected);
  }
});

const bytes = (text: string): Buffer => Buffer.from(text);
const edited = (from: string, to: string): ConsumedRecord => {
  const record = event();
  const text = record.value?.toString() ?? '';
  expect(text).toContain(from);
  return { ...record, value: bytes(text.replace(from, to)) };
};

test.each<[string, ConsumedRecord]>([
  ['a delete', event({ op: 'd', after: null, before: { id: 7 } })],
  ['a TRUNCATE', event({ op: 't', after: null })],
  ['a tombstone', { ...event(), value: null }],
  ['a record without key', { ...event(), key: null }],
  ['another schema block', event({ fields: { ...CUSTOMER, tier: { type: 'string', optional: true } } })],
  ['one more column', event({ after: { id: 7, name: 'x', amount: null, tier: 'gold' } })],
  ['one column less', event({ after: { id: 7, name: 'x' } })],
  ['other columns', event({ after: { id: 7, nom: 'x', amount: null } })],
  ['columns in another order', event({ after: { name: 'x', id: 7, amount: null } })],
  ['another table', event({ source: { table: 'orders' } })],
  ['one more field in the source block', event({ source: { more: 1 } })],
  [
    'a key that is NULL',
    { ...event(), key: bytes(event().key?.toString().replace('"id":7', '"id":null') ?? '') },
  ],
  ['a value of the wrong type', event({ after: { id: 'seven', name: 'x', amount: null } })],
  ['a number that a double cannot hold', edited('"id":7,', '"id":9007199254740993,')],
  ['white space', edited('"op":"u"', '"op": "u"')],
  ['an unknown operation', edited('"op":"u"', '"op":"x"')],
  ['invalid JSON', edited('"transaction":null', '"transaction":nul')],
  ['a truncated value', { ...event(), value: event().value?.subarray(0, -1) ?? null }],
  ['more after the end', { ...event(), value: Buffer.concat([event().value ?? bytes(''), bytes('}')]) }],
  [
    "an insert of the placeholder's text",
    event({ op: 'c', after: { id: 7, name: PLACEHOLDER, amount: null } }),
  ],
  [
    'an update that marks what is unchanged',
    {
      ...event({ after: { id: 7, name: PLACEHOLDER, amount: null } }),
      headers: new Map([...event().headers, ['cdc.unchanged', bytes('[]')]]),
    },
  ],
  ['an unknown topic', { ...event(), topic: 'other' }],
])('leaves %s to the slow path', (_what, record) => {
  const reader = readerAfter(event());
  expect(reader.read(record, 0)).toBeUndefined();
  // And still reads the next record.
  expect(reader.read(event(), 0)?.change).toMatchObject({ position: positionAt(9, 3) });
});

test('reads nothing after it was told to forget', () => {
  const reader = readerAfter(event());
  reader.forget();
  expect(reader.read(event(), 0)).toBeUndefined();
});
