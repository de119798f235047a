import { describe, expect, test } from 'vitest';
import { readCommitted } from '../consume/read-committed.ts';
import { CUSTOMER, consumed, decimal, positionAt, rawEvent, rawTombstone } from '../testing/event-fixture.ts';
import { derivePosition, formatLsn } from './derived-position.ts';
import { RecordError } from './record-error.ts';
import { RecordParser } from './record-parser.ts';

const SCHEMAS = { key: true, value: true };
const after = { id: 1, name: '}"payload":{', amount: decimal(1234) };
const event = (extra: Partial<Parameters<typeof rawEvent>[0]> = {}) =>
  rawEvent({ op: 'c', id: 1, after, at: [1, 1], ...extra });

describe('RecordParser', () => {
  test('reads an envelope with its schema block, the first time and later', () => {
    const parser = new RecordParser(SCHEMAS);
    const first = parser.parse(consumed(event(), 0));
    const second = parser.parse(consumed(event({ at: [2, 1] }), 1));
    for (const parsed of [first, second]) {
      expect(parsed).toMatchObject({ kind: 'upsert', key: { id: 1 }, row: after });
      expect(parsed.rowSchema?.fields.map((field) => field.field)).toEqual(['id', 'name', 'amount']);
    }
    expect(second.rowSchema).toBe(first.rowSchema);
    expect(second.position).toBe(positionAt(2, 1));
  });

  test('notices a changed schema block', () => {
    const parser = new RecordParser(SCHEMAS);
    parser.parse(consumed(event(), 0));
    const tier = { ...CUSTOMER, tier: { type: 'string', optional: false, default: 'standard' } };
    const grown = parser.parse(consumed(event({ fields: tier, after: { ...after, tier: 'gold' } }), 1));
    expect(grown.rowSchema?.fields.at(-1)).toMatchObject({
      field: 'tier',
      hasDefault: true,
      default: 'standard',
    });
    expect(parser.parse(consumed(event(), 2)).rowSchema?.fields).toHaveLength(3);
  });

  test('reads an envelope without a schema block', () => {
    const parsed = new RecordParser({ key: false, value: false }).parse(consumed(event({ fields: null }), 0));
    expect(parsed).toMatchObject({ kind: 'upsert', key: { id: 1 }, row: after, rowSchema: null });
  });

  test('reads a bare key beside a value with its schema block, as Debezium’s tutorials set the converters', () => {
    const [bare, wrapped] = [event({ fields: null }), event()];
    const parser = new RecordParser({ key: false, value: true });
    const parsed = parser.parse(consumed({ ...wrapped, key: bare.key }, 0));
    expect(parsed).toMatchObject({ key: { id: 1 }, keySchema: null, row: after });
    expect(parsed.rowSchema).not.toBeNull();
  });

  test.each([
    [
      'key',
      { key: false, value: true },
      /the key has a schema block, and key.converter.schemas.enable is false/,
    ],
    [
      'value',
      { key: true, value: false },
      /the value has a schema block, and value.converter.schemas.enable/,
    ],
  ] as const)(
    'refuses a schema block in the %s that schemas.enable=false excludes',
    (_what, schemas, message) => {
      expect(() => new RecordParser(schemas).parse(consumed(event(), 0))).toThrow(message);
    },
  );

  test.each(['key', 'value'] as const)('refuses a bare %s that schemas.enable=true excludes', (what) => {
    const raw = { ...event(), [what]: event({ fields: null })[what] };
    const parse = () => new RecordParser(SCHEMAS).parse(consumed(raw, 0));
    expect(parse).toThrow(`the ${what} has no schema block, and ${what}.converter.schemas.enable is true`);
  });

  test('a record without value is a tombstone, with or without a position', () => {
    const parser = new RecordParser(SCHEMAS);
    expect(parser.parse(consumed(rawTombstone(1, [3, 1]), 0))).toMatchObject({
      kind: 'tombstone',
      key: { id: 1 },
      position: positionAt(3, 1),
    });
    expect(parser.parse(consumed(rawTombstone(1, null), 0)).position).toBeNull();
  });

  test.each([
    ['', /not JSON/],
    ['{"schema":{"type":"struct"},"payload":{"op":"c"', /not JSON|missing/],
    ['{"a":1}', /no schema block/],
    ['{"schema":null,"payload":{"a":1}}', /not a Debezium envelope/],
    ['{"schema":null,"payload":null}', /not a Debezium envelope/],
    ['{"schema":null,"payload":{"op":"x","source":{}}}', /operation 'x'/],
    ['{"schema":null,"payload":{"op":"c","source":{},"after":null}}', /no 'after'/],
    ['{"schema":7,"payload":{}}', /schema block/],
  ])('%j is a bad record, and says why', (value, message) => {
    const parser = new RecordParser(SCHEMAS);
    parser.parse(consumed(event(), 0));
    const bad = () => parser.parse(consumed({ ...event(), value }, 1));
    expect(bad).toThrow(RecordError);
    expect(bad).toThrow(message);
  });
});

describe('derivePosition, for events of Debezium', () => {
  const at = (sequence: string | null, lsn: number, offset: bigint, snapshot = 'false'): string =>
    derivePosition({ sequence, lsn, snapshot }, offset);
  test('orders by commit first, which the LSN of the row does not', () => {
    // Of two concurrent transactions the one that wrote first (LSN 500) committed last.
    const committedFirst = at('["400","600"]', 600, 1n);
    const committedLast = at('["650","500"]', 500, 2n);
    expect(committedFirst < committedLast).toBe(true);
  });
  test('orders by offset within a transaction', () => {
    expect(at('["400","600"]', 600, 1n) < at('["400","600"]', 600, 2n)).toBe(true);
  });
  test('a snapshot row is older than a streamed event at the same LSN', () => {
    expect(at('[null,"400"]', 400, 9n, 'true') < at('["400","410"]', 410, 1n)).toBe(true);
  });
  test('an event streamed after a snapshot is newer than the rows of that snapshot', () => {
    // The last streamed commit is before the snapshot, and other transactions have written to the log since.
    expect(at('[null,"1000"]', 1000, 8n, 'true') < at('["900","1100"]', 1100, 9n)).toBe(true);
    expect(at('["900","1100"]', 1100, 9n) < at('["1150","1120"]', 1120, 10n)).toBe(true);
  });
  test('falls back to the offset alone', () => {
    expect(derivePosition({}, 1n) < derivePosition({}, 2n ** 33n)).toBe(true);
  });
  test('prints an LSN as PostgreSQL does', () => {
    expect(formatLsn(0x16b374d848)).toBe('16/B374D848');
    expect(formatLsn(null)).toBeNull();
  });
});

describe('readCommitted', () => {
  const DATA = 0x10;
  const CONTROL = 0x30;
  const batch = (firstOffset: bigint, attributes: number, producerId: bigint, keys: readonly Buffer[]) => ({
    firstOffset,
    length: 0,
    partitionLeaderEpoch: 0,
    magic: 2,
    crc: 0,
    attributes,
    lastOffsetDelta: keys.length - 1,
    firstTimestamp: 0n,
    maxTimestamp: 0n,
    producerId,
    producerEpoch: 0,
    firstSequence: 0,
    records: keys.map((key, i) => ({
      length: 0,
      attributes: 0,
      timestampDelta: 0n,
      offsetDelta: i,
      key,
      value: null,
      headers: [],
    })),
  });
  const key = (text: string): Buffer => Buffer.from(text);
  const marker = (type: number): Buffer => Buffer.from([0, 0, 0, type]);
  const response = (
    records: ReturnType<typeof batch>[],
    abortedTransactions: { producerId: bigint; firstOffset: bigint }[],
  ) => ({
    partitionIndex: 0,
    errorCode: 0,
    highWatermark: 0n,
    lastStableOffset: 0n,
    logStartOffset: 0n,
    abortedTransactions,
    preferredReadReplica: -1,
    records,
  });
  const seen = (r: ReturnType<typeof response>, from = 0n) => {
    const { records, nextOffset } = readCommitted('t', r, from);
    return [records.map((record) => record.key?.toString()).join(), nextOffset];
  };

  test('leaves an aborted transaction out, up to its marker and no further', () => {
    const r = response(
      [
        batch(0n, DATA, 7n, [key('a')]),
        batch(1n, DATA, 8n, [key('b')]),
        batch(2n, CONTROL, 7n, [marker(0)]),
        batch(3n, DATA, 7n, [key('c')]),
      ],
      [{ producerId: 7n, firstOffset: 0n }],
    );
    expect(seen(r)).toEqual(['b,c', 4n]);
  });

  test('leaves it out even if its marker is not in this response', () => {
    const r = response([batch(0n, DATA, 7n, [key('a')])], [{ producerId: 7n, firstOffset: 0n }]);
    expect(seen(r)).toEqual(['', 1n]);
  });

  test('fetches on after control records, and leaves out records before the requested offset', () => {
    const r = response([batch(0n, DATA, 7n, [key('a'), key('b')]), batch(2n, CONTROL, 7n, [marker(1)])], []);
    expect(seen(r, 1n)).toEqual(['b', 3n]);
  });
});
