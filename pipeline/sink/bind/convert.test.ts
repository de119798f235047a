import { describe, expect, test } from 'vitest';
import { readSchema } from '../decode/connect-schema.ts';
import { ExactNumber, parseJson } from '../decode/json.ts';
import { RecordError } from '../decode/record-error.ts';
import { columnTypeOf } from './column-type.ts';
import { converterFor, converterOf, decimalText } from './convert.ts';
import { arrayLiteral } from './quoting.ts';

function schema(type: string, name?: string, parameters?: Record<string, string>, items?: unknown) {
  return readSchema({ type, optional: true, field: 'f', ...(name ? { name } : {}), parameters, items });
}

describe('converterOf', () => {
  const decimals = { scale: '2', 'connect.decimal.precision': '12' };
  test.each([
    ['int32', undefined, undefined, -5, '-5', 'integer'],
    ['int64', undefined, undefined, new ExactNumber('9223372036854775807'), '9223372036854775807', 'bigint'],
    ['double', undefined, undefined, 0.1, '0.1', 'double precision'],
    ['float', undefined, undefined, 'NaN', 'NaN', 'real'],
    ['double', undefined, undefined, -0, '-0', 'double precision'],
    ['boolean', undefined, undefined, true, 't', 'boolean'],
    ['string', undefined, undefined, 'a"b\\c', 'a"b\\c', 'text'],
    ['bytes', undefined, undefined, '/wA=', '\\xff00', 'bytea'],
    ['bytes', 'org.apache.kafka.connect.data.Decimal', decimals, 'BNI=', '12.34', 'numeric(12,2)'],
    ['bytes', 'org.apache.kafka.connect.data.Decimal', decimals, '/w==', '-0.01', 'numeric(12,2)'],
    [
      'struct',
      'io.debezium.data.VariableScaleDecimal',
      undefined,
      { scale: 3, value: 'AQ==' },
      '0.001',
      'numeric',
    ],
    ['int32', 'io.debezium.time.Date', undefined, 0, '1970-01-01', 'date'],
    ['int32', 'io.debezium.time.Date', undefined, -719_163, '0001-12-31 BC', 'date'],
    ['int32', 'io.debezium.time.Date', undefined, 2_932_897, '10000-01-01', 'date'],
    [
      'int64',
      'io.debezium.time.MicroTimestamp',
      undefined,
      1_700_000_000_000_001,
      '2023-11-14 22:13:20.000001',
      'timestamp',
    ],
    ['int64', 'io.debezium.time.MicroTimestamp', undefined, -1, '1969-12-31 23:59:59.999999', 'timestamp'],
    [
      'int64',
      'io.debezium.time.MicroTimestamp',
      undefined,
      new ExactNumber('9223372036825200000'),
      'infinity',
      'timestamp',
    ],
    [
      'int64',
      'io.debezium.time.NanoTimestamp',
      undefined,
      new ExactNumber('9223372036854775807'),
      'infinity',
      'timestamp',
    ],
    [
      'int64',
      'io.debezium.time.NanoTimestamp',
      undefined,
      new ExactNumber('-9223372036854775808'),
      '-infinity',
      'timestamp',
    ],
    [
      'int64',
      'io.debezium.time.NanoTimestamp',
      undefined,
      new ExactNumber('1700000000000001000'),
      '2023-11-14 22:13:20.000001',
      'timestamp',
    ],
    [
      'int64',
      'io.debezium.time.Timestamp',
      undefined,
      1_700_000_000_123,
      '2023-11-14 22:13:20.123000',
      'timestamp(3)',
    ],
    [
      'string',
      'io.debezium.time.ZonedTimestamp',
      undefined,
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:00:00Z',
      'timestamptz',
    ],
    ['int64', 'io.debezium.time.MicroTime', undefined, 86_400_000_000, '24:00:00.000000', 'time'],
    ['int64', 'io.debezium.time.MicroDuration', undefined, 1_500_000, '1500000 microseconds', 'interval'],
    ['string', 'io.debezium.data.Uuid', undefined, 'b4b9…', 'b4b9…', 'uuid'],
    ['string', 'io.debezium.data.Json', undefined, '{"a":1}', '{"a":1}', 'json'],
    ['string', 'io.debezium.data.Enum', { allowed: 'a,b' }, 'a', 'a', 'text'],
    ['bytes', 'io.debezium.data.Bits', { length: '10' }, 'AQI=', '1000000001', 'bit varying(10)'],
  ])('%s %s %j: %j becomes %j in a column of type %s', (type, name, parameters, value, text, column) => {
    expect(converterOf(schema(type, name, parameters), null)(value)).toBe(text);
    expect(columnTypeOf(schema(type, name, parameters))).toBe(column);
  });

  test('an array keeps NULL apart from the text NULL, and its elements from its syntax', () => {
    const array = schema('array', undefined, undefined, { type: 'string', optional: true });
    expect(converterOf(array, null)(['a,b', null, 'NULL', 'say "hi"\\', '{}'])).toBe(
      '{"a,b",NULL,"NULL","say \\"hi\\"\\\\","{}"}',
    );
    expect(columnTypeOf(array)).toBe('text[]');
  });

  test.each([
    ['int32', undefined, 'x'],
    ['int32', undefined, 1.5],
    ['string', undefined, 5],
    ['boolean', undefined, 'true'],
    ['bytes', undefined, 'no base64!'],
    ['int64', 'io.debezium.time.MicroTime', 86_400_000_001],
    ['array', undefined, 'x'],
  ])('%s %s: %j is refused, not guessed at', (type, name, value) => {
    const items = type === 'array' ? { type: 'int32' } : undefined;
    expect(() => converterOf(schema(type, name, undefined, items), null)(value)).toThrow(RecordError);
  });

  test('a type without a place in PostgreSQL is named', () => {
    expect(() => columnTypeOf(schema('struct', 'io.debezium.data.geometry.Geometry'))).toThrow(
      /'f'.*Geometry/,
    );
  });
});

describe('converterFor, without a schema', () => {
  const column = (typeName: string, typeModifier = -1, isArray = false) =>
    converterFor({ typeName, typeModifier, isArray }, 'bytes');
  test("takes the scale of a decimal from the sink's column", () => {
    const numeric12_2 = (12 << 16) + 2 + 4;
    expect(column('numeric', numeric12_2)('BNI=')).toBe('12.34');
    expect(column('numeric')({ scale: 1, value: 'Cg==' })).toBe('1.0');
  });
  test("takes the unit of a timestamp from the column's precision", () => {
    expect(column('timestamp')(1_000_000)).toBe('1970-01-01 00:00:01.000000');
    expect(column('timestamp', 3)(1_000)).toBe('1970-01-01 00:00:01.000000');
  });
  test('passes text on to types that read text', () => {
    expect(column('uuid')('abc')).toBe('abc');
    expect(column('int4', -1, true)([1, null])).toBe('{"1",NULL}');
  });
});

test('decimalText spells big, small and negative numbers exactly', () => {
  const bytes = (n: bigint, width: number): Buffer =>
    Buffer.from(
      BigInt.asUintN(width * 8, n)
        .toString(16)
        .padStart(width * 2, '0'),
      'hex',
    );
  expect(decimalText(bytes(-123_456_789_012_345_678_901_234_567_890n, 13), 10)).toBe(
    '-12345678901234567890.1234567890',
  );
  expect(decimalText(bytes(5n, 1), -3)).toBe('5000');
  expect(decimalText(bytes(0n, 1), 2)).toBe('0.00');
  expect(() => decimalText(Buffer.alloc(0), 2)).toThrow(RecordError);
});

test('arrayLiteral quotes every element', () => {
  expect(arrayLiteral(['', 'null', null])).toBe('{"","null",NULL}');
});

test('parseJson keeps whole numbers beyond 2^53 as they were written', () => {
  const json = parseJson(
    '{"after":{"id":9007199254740993,"t":"9007199254740993"},"ts_ns":1700000000000000001}',
    ['after'],
  ) as Record<string, Record<string, unknown>>;
  expect(json.after?.id).toEqual(new ExactNumber('9007199254740993'));
  expect(json.after?.t).toBe('9007199254740993');
  expect(() => parseJson('{', 'all')).toThrow(RecordError);
});
