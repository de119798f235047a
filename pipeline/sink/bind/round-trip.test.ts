import { expect, test } from 'vitest';
import type { EncoderConfig, EventContext } from '../../contract/envelope.ts';
import type { Lsn } from '../../contract/lsn.ts';
import { UNCHANGED_TOAST } from '../../contract/pgoutput.ts';
import type { Position } from '../../contract/position.ts';
import { createEventEncoder } from '../../envelope/encoder.ts';
import { DEFAULTS, WITH_SCHEMAS } from '../../envelope/testing/fixtures.ts';
import { RecordParser } from '../decode/record-parser.ts';
import { positionAt } from '../testing/event-fixture.ts';
import { converterOf } from './convert.ts';
import { PlaceholderForms } from './placeholder.ts';

const CONFIG: EncoderConfig = {
  ...DEFAULTS,
  ...WITH_SCHEMAS,
  nowUs: () => 1_700_000_000_000_000n,
};
const CONTEXT: EventContext = {
  position: positionAt(5, 1) as Position,
  lsn: 5n as Lsn,
  lastCommitLsn: null,
  xid: null,
  commitTimeUs: 1_700_000_000_000_000n,
  snapshot: 'false',
};

/** Type, its oid, the text that pgoutput sends, and where it differs the text that the sink writes. */
const VALUES: readonly (readonly [
  type: string,
  oid: number,
  modifier: number,
  text: string,
  written?: string,
])[] = [
  ['int2', 21, -1, '-32768'],
  ['int8', 20, -1, '9223372036854775807'],
  ['bool', 16, -1, 't'],
  ['float8', 701, -1, '0.1'],
  ['float8', 701, -1, 'NaN'],
  ['numeric', 1700, (12 << 16) + 2 + 4, '-12345.60'],
  ['numeric', 1700, -1, '123456789012345678901234567890.001'],
  ['text', 25, -1, 'a "quoted" \\ text'],
  ['uuid', 2950, -1, '9f0c1c3a-58e3-4f5c-8f0a-0d8c3f0f7a11'],
  ['json', 114, -1, '{"b": 1, "a":2}'],
  ['date', 1082, -1, '2024-02-29'],
  ['timestamp', 1114, -1, '2024-02-29 12:34:56.123456'],
  ['time', 1083, -1, '23:59:59.000001'],
  ['timestamptz', 1184, -1, '2024-02-29 12:34:56.123456+00', '2024-02-29T12:34:56.123456Z'],
  ['interval', 1186, -1, '00:00:01.5', '1500000 microseconds'],
  ['bytea', 17, -1, '\\x00ff'],
];

const CASES = VALUES.map(([typeName, typeOid, typeModifier, text, written]) => {
  return { typeName, typeOid, typeModifier, text, written: written ?? text };
});

test.each(CASES)('$typeName ($typeModifier): $text arrives as it left', (sent) => {
  const { typeName, typeOid, typeModifier, text, written } = sent;
  const encoder = createEventEncoder(CONFIG);
  const column = {
    typeModifier: -1,
    typeKind: 'b',
    elementType: null,
    enumLabels: null,
    defaultText: null,
  };
  encoder.describe({
    relationOid: 1,
    schema: 'public',
    table: 't',
    replicaIdentity: 'default',
    columns: [
      { ...column, name: 'id', typeOid: 23, typeName: 'int4', notNull: true, keyRank: 1 },
      { ...column, name: 'v', typeOid, typeName, typeModifier, notNull: false, keyRank: 0 },
      { ...column, name: 'big', typeOid: 25, typeName: 'text', notNull: false, keyRank: 0 },
    ],
  });
  const [record] = encoder.update(1, null, 'none', ['7', text, UNCHANGED_TOAST], CONTEXT);
  if (record === undefined) throw new Error('no record');
  const headers = new Map([...record.headers].map(([name, value]) => [name, Buffer.from(value)]));
  const event = new RecordParser({ key: true, value: true }).parse({
    ...record,
    headers,
    partition: 0,
    offset: 0n,
    timestampMs: 0,
  });
  expect(event).toMatchObject({ kind: 'upsert', key: { id: 7 }, position: CONTEXT.position });
  const schema = event.rowSchema?.fields.find((field) => field.field === 'v');
  if (schema === undefined) throw new Error('no schema');
  expect(converterOf(schema, null)(event.row?.v)).toBe(written);
  const big = event.rowSchema?.fields.find((field) => field.field === 'big');
  if (big === undefined) throw new Error('no schema');
  expect(new PlaceholderForms(CONFIG.unavailableValue).ofSchema(big)?.(event.row?.big)).toBe(true);
});
