import { describe, expect, test } from 'vitest';
import { insertBytes, updateBytes } from '../../fixtures/pgoutput-bytes.ts';
import type { EncoderConfig, SnapshotMarker } from '../contract/envelope.ts';
import type { FastChange } from '../contract/pgoutput.ts';
import { isFastRecord } from '../contract/records.ts';
import { createPgOutputDecoder } from '../pgoutput/decode.ts';
import { createFastReader } from '../pgoutput/fast-path.ts';
import { createEventEncoder } from './encoder.ts';
import { column, DEFAULTS, readable, STREAM, table, WITH_SCHEMAS } from './testing/fixtures.ts';

const decodePgOutput = createPgOutputDecoder();
const readFastChange = createFastReader();

const numeric = (precision: number, scale: number): number => ((precision << 16) | (scale & 0x7ff)) + 4;

/** Types and values on both sides of what the fast path takes. */
const VALUES: readonly (readonly [type: string, modifier: number, values: readonly string[]])[] = [
  [
    'text',
    -1,
    ['', 'plain', 'a"b', 'back\\slash', 'line\n', '\u0001', '\u007f', 'é', '😀', 'x'.repeat(5_000)],
  ],
  ['uuid', -1, ['76019d1a-ad2e-4b22-96e9-1a6d6543c818']],
  ['bool', -1, ['t', 'f']],
  ['int2', -1, ['-32768', '0']],
  ['int8', -1, ['9223372036854775807', '-9223372036854775808']],
  [
    'numeric',
    numeric(12, 2),
    ['0.00', '-0.01', '1.27', '1.28', '-1.28', '-1.29', '9999999.99', '9999999999.99', 'NaN'],
  ],
  [
    'numeric',
    numeric(9, 0),
    ['0', '127', '128', '-128', '-129', '32767', '32768', '8388607', '8388608', '999999999'],
  ],
  ['numeric', numeric(3, -2), ['1200']],
  ['numeric', -1, ['1.10', '100']],
  [
    'date',
    -1,
    ['2024-02-29', '1970-01-01', '1969-12-31', '0001-01-01', '0044-03-15 BC', '10000-01-01', 'infinity'],
  ],
  ['time', -1, ['23:59:59.123456']],
  [
    'timestamp',
    -1,
    ['2024-02-29 23:59:59.123456', '1969-12-31 23:59:59.9', '0001-01-01 00:00:00', 'infinity'],
  ],
  ['timestamp', -1, ['0044-03-15 00:00:00 BC', '12024-02-29 23:59:59', '0044-03-15 00:00:00.123456 BC']],
  [
    'timestamp',
    -1,
    ['9999-12-31 23:59:59.999999', '2255-03-14 16:00:00.000001', '1684-10-19 08:00:00.000001'],
  ],
  ['timestamp', 3, ['9999-12-31 23:59:59.999', '2024-02-29 23:59:59.12', '1969-12-31 23:59:59.999']],
  ['timestamptz', -1, ['2024-02-29 23:59:59.12+00', '2024-02-29 23:59:59+00', '0044-03-15 00:00:00+00 BC']],
  ['timestamptz', -1, ['2024-02-29 23:59:59.123456+05:30', '12024-02-29 23:59:59+00', '-infinity']],
  ['timestamptz', 0, ['2024-02-29 23:59:59+00']],
  ['timestamptz', 3, ['2024-02-29 23:59:59.123+00', '2024-02-29 23:59:59.1+00']],
  ['text', -1, ['__debezium_unavailable_value', '__debezium_unavailable_valuE']],
  ['float8', -1, ['1e+20', 'NaN']],
  ['jsonb', -1, ['{"a": "b"}', `{${'"a": "b",'.repeat(200)}"c": 1}`]],
  ['bytea', -1, ['\\x0102ff']],
  ['interval', -1, ['1 year 2 mons 3 days 04:05:06.789']],
  ['_int4', -1, ['{1,NULL,3}']],
  ['_numeric', -1, ['{0,0,0,0,0,0,0,0}']],
];
const CONFIGS: readonly Partial<EncoderConfig>[] = [
  {},
  { ...WITH_SCHEMAS, contextHeaders: { taskId: '0', runId: 'run' } },
  { time: 'connect', decimals: 'string', binary: 'hex', interval: 'string' },
  { schemasEnable: { key: false, value: true } },
  { schemasEnable: { key: true, value: false } },
];

describe.each(VALUES)('%s (modifier %i)', (type, typeModifier, values) => {
  const columns = [
    column('id', 'uuid', { keyRank: 1, notNull: true }),
    column('value', type, { typeModifier }),
    column('näme "q"', 'text'),
  ];
  test.each(CONFIGS)('the fast path makes the record of the slow path, under %j', (settings) => {
    const encoder = createEventEncoder({ ...DEFAULTS, ...settings });
    encoder.describe(table(columns));
    for (const value of [...values, null]) {
      for (const bytes of [insertBytes, updateBytes].map((write) => write(1, [ID, value, null]))) {
        const change = readFastChange(bytes);
        const fast = change && encoder.encodeFast?.(change, STREAM);
        const message = decodePgOutput(bytes);
        const slow = () =>
          message.tag === 'update'
            ? encoder.update(1, message.before, message.beforeKind, message.after, STREAM)
            : message.tag === 'insert'
              ? encoder.create(1, message.after, STREAM)
              : [];
        if (fast === undefined) expect(value?.length).toBeGreaterThan(2);
        else expect([fast].map(readable)).toEqual(slow().map(readable));
      }
    }
  });
});

/** The row of an Insert message as a row of a snapshot. */
function readOf(bytes: Buffer): FastChange | undefined {
  const change = readFastChange(bytes);
  return change && { ...change, tag: 'read' };
}

const MARKERS: readonly SnapshotMarker[] = ['first', 'true', 'last', 'incremental'];

test.each(CONFIGS)(
  'the fast path makes the record of the slow path from a snapshot’s row, under %j',
  (settings) => {
    const encoder = createEventEncoder({ ...DEFAULTS, ...settings });
    const columns = [column('id', 'uuid', { keyRank: 1, notNull: true }), column('at', 'timestamptz')];
    encoder.describe(table(columns));
    const row = [ID, '2024-02-29 23:59:59.12+00'];
    for (const lsn of [STREAM.lsn, 7n as typeof STREAM.lsn]) {
      for (const snapshot of MARKERS) {
        const context = { ...STREAM, lsn, lastCommitLsn: null, xid: null, snapshot };
        const read = readOf(insertBytes(1, row));
        const fast = read && encoder.encodeFast?.(read, context);
        expect(fast && readable(fast)).toEqual(readable(encoder.read(1, row, context)));
        // The fragments that are kept for one kind of event must not get into the other.
        const change = readFastChange(insertBytes(1, row));
        const created = change && encoder.encodeFast?.(change, STREAM);
        expect(created && readable(created)).toEqual(encoder.create(1, row, STREAM).map(readable)[0]);
      }
    }
  },
);

const ID = '76019d1a-ad2e-4b22-96e9-1a6d6543c818';

describe('the fast path leaves a row to the slow path', () => {
  test.each([
    ['when its description has other columns', insertBytes(1, [ID]), {}],
    ['when it is large', insertBytes(1, [ID, 'x'.repeat(40_000)]), {}],
    ['when a text is not valid UTF-8', damaged(insertBytes(1, [ID, 'é'])), {}],
    ['when it is of a snapshot', insertBytes(1, [ID, 'a']), { snapshot: 'true' } as const],
    [
      'when a double cannot hold its LSN exactly',
      insertBytes(1, [ID, 'a']),
      { lsn: (2n ** 60n) as typeof STREAM.lsn },
    ],
    ['when its key is NULL', insertBytes(1, [null, 'a']), {}],
    ['when its enum lacks the label', insertBytes(1, [ID, 'a', 'glad']), {}],
    ['when an array of enums lacks one', insertBytes(1, [ID, 'a', 'sad', '{sad,glad}']), {}],
    ['when an array does not begin at 1', insertBytes(1, [ID, 'a', 'sad', '[2:2]={sad}']), {}],
  ])('%s', (_when, bytes, context) => {
    const encoder = createEventEncoder(DEFAULTS);
    const enumLabels = ['sad', 'very sad'];
    const columns = [
      column('id', 'uuid', { keyRank: 1 }),
      column('name', 'text'),
      column('mood', 'mood', { enumLabels }),
      column('moods', '_mood', { enumLabels }),
    ];
    const count = readFastChange(bytes)?.after.columns ?? 0;
    encoder.describe(table(columns.slice(0, Math.max(2, count))));
    const change = readFastChange(bytes);
    expect(change).toBeDefined();
    expect(change && encoder.encodeFast?.(change, { ...STREAM, ...context })).toBeUndefined();
  });
});

test('the fast path takes labels of an enum', () => {
  const encoder = createEventEncoder(DEFAULTS);
  const enumLabels = ['sad', 'ok', 'very sad', 'bäd', 'so "so"', 'bad'];
  encoder.describe(table([column('id', 'int4', { keyRank: 1 }), column('mood', 'mood', { enumLabels })]));
  for (const label of enumLabels) {
    const change = readFastChange(insertBytes(1, ['1', label]));
    const fast = change && encoder.encodeFast?.(change, STREAM);
    expect(fast && JSON.parse(String(fast.value)).after).toEqual({ id: 1, mood: label });
  }
});

test('records do not change while others are written after them, into the same buffer and the next', () => {
  const encoder = createEventEncoder(DEFAULTS);
  encoder.describe(table([column('id', 'int4', { keyRank: 1 }), column('name', 'text')]));
  const rows = Array.from({ length: 3_000 }, (_, i) => [String(i), 'x'.repeat(i % 300)]);
  const records = rows.flatMap((row) => {
    const change = readFastChange(insertBytes(1, row));
    return (change && encoder.encodeFast?.(change, STREAM)) ?? [];
  });
  expect(records).toHaveLength(rows.length);
  expect(records.every(isFastRecord)).toBe(true);
  expect(new Set(records.map(({ bytes }) => bytes)).size).toBeGreaterThan(1);
  // One comparison: thousands of them take seconds on a busy machine.
  const wrong = records.filter(({ key, value }, i) => {
    const after = JSON.stringify({ id: i, name: rows[i]?.[1] });
    return String(key) !== `{"id":${i}}` || !String(value).includes(`"after":${after},"source":`);
  });
  expect(wrong).toEqual([]);
});

/** Replaces the last byte by the first of a UTF-8 character that is then cut short. */
function damaged(bytes: Buffer): Buffer {
  bytes[bytes.length - 1] = 0xc3;
  return bytes;
}
