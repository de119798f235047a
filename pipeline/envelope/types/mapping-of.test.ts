import { describe, expect, test } from 'vitest';
import type { EncoderConfig } from '../../contract/envelope.ts';
import { schemaJson } from '../connect-schema.ts';
import { column, DEFAULTS } from '../testing/fixtures.ts';
import { mappingOf } from './mapping-of.ts';
import type { TypeMapping } from './type-mapping.ts';

const numeric = (precision: number, scale: number): number => ((precision << 16) | (scale & 0x7ff)) + 4;

function mapping(
  typeName: string,
  typeModifier = -1,
  config: Partial<EncoderConfig> = {},
  enumLabels: readonly string[] | null = null,
): TypeMapping {
  const mapped = mappingOf(column('c', typeName, { typeModifier, enumLabels }), { ...DEFAULTS, ...config });
  if (mapped === null) throw new Error(`${typeName} is not mapped`);
  return mapped;
}

describe('a value becomes the JSON that Debezium writes', () => {
  test.each([
    ['bool', -1, 't', 'true'],
    ['bool', -1, 'f', 'false'],
    ['int2', -1, '-32768', '-32768'],
    ['int8', -1, '9223372036854775807', '9223372036854775807'],
    ['int8', -1, '9007199254740993', '9007199254740993'],
    ['oid', -1, '4294967295', '4294967295'],
    ['float4', -1, '1.1', '1.1'],
    ['float4', -1, '1e+20', '1.0E20'],
    ['float8', -1, '-0', '-0.0'],
    ['float8', -1, '100', '100.0'],
    ['float8', -1, '1234567.5', '1234567.5'],
    ['float8', -1, '12345678', '1.2345678E7'],
    ['float8', -1, '0.001', '0.001'],
    ['float8', -1, '0.0001', '1.0E-4'],
    ['float8', -1, '1.7976931348623157e+308', '1.7976931348623157E308'],
    ['float8', -1, 'NaN', '"NaN"'],
    ['float8', -1, '-Infinity', '"-Infinity"'],
    ['numeric', numeric(12, 2), '1.28', '"AIA="'],
    ['numeric', numeric(12, 2), '-1.28', '"gA=="'],
    ['numeric', numeric(12, 2), '0.00', '"AA=="'],
    ['numeric', numeric(12, 2), '-1234567890.12', '"40Fm5ew="'],
    ['numeric', numeric(3, -2), '1200', '"DA=="'],
    ['numeric', -1, '1.10', '{"scale":1,"value":"Cw=="}'],
    ['numeric', -1, '100', '{"scale":0,"value":"ZA=="}'],
    ['text', -1, 'a"b\\c\n\u0001é😀', '"a\\"b\\\\c\\n\\u0001é\\uD83D\\uDE00"'],
    ['bpchar', 10, 'ab    ', '"ab    "'],
    ['uuid', -1, '76019d1a-ad2e-4b22-96e9-1a6d6543c818', '"76019d1a-ad2e-4b22-96e9-1a6d6543c818"'],
    ['date', -1, '2024-02-29', '19782'],
    ['date', -1, '0044-03-15 BC', '-735160'],
    ['date', -1, '5874897-12-31', '2145042905'],
    ['date', -1, 'infinity', '-2147472692'],
    ['date', -1, '-infinity', '-2147472691'],
    ['time', -1, '23:59:59.123456', '86399123456'],
    ['time', -1, '24:00:00', '86400000000'],
    ['time', 3, '23:59:59.123', '86399123'],
    ['timetz', -1, '23:59:59.5+05:30', '"18:29:59.5Z"'],
    ['timetz', -1, '00:00:00+15:59', '"08:01:00Z"'],
    ['timestamp', -1, '2024-02-29 23:59:59.123456', '1709251199123456'],
    ['timestamp', -1, '294246-12-31 23:59:59.999999', '9223371244799999999'],
    ['timestamp', -1, '4713-01-01 00:00:00 BC', '-210863520000000000'],
    ['timestamp', -1, 'infinity', '9223372036825200000'],
    ['timestamp', 3, '1969-12-31 23:59:59.999', '-1'],
    ['timestamptz', -1, '2024-02-29 23:59:59.123456+05:30', '"2024-02-29T18:29:59.123456Z"'],
    ['timestamptz', -1, '2024-02-29 23:59:59+00', '"2024-02-29T23:59:59.000000Z"'],
    ['timestamptz', -1, '0044-03-15 12:00:00+00 BC', '"-0043-03-15T12:00:00.000000Z"'],
    ['timestamptz', -1, '10000-01-01 00:00:00+00', '"+10000-01-01T00:00:00.000000Z"'],
    ['timestamptz', -1, '1883-11-18 12:03:58-07:52:58', '"1883-11-18T19:56:56.000000Z"'],
    ['timestamptz', 0, '2024-02-29 23:59:59+00', '"2024-02-29T23:59:59Z"'],
    ['timestamptz', -1, '-infinity', '"-infinity"'],
    ['interval', -1, '1 year 2 mons 3 days 04:05:06.789', '37091106789000'],
    ['interval', -1, '-1 mons -2 days -03:04:05.000001', '-2813645000001'],
    ['interval', -1, '178000000 years', '9223372036854775807'],
    ['interval', -1, '-178000000 years', '-9223372036854775808'],
    ['json', -1, '{"a" : 1.10}', '"{\\"a\\" : 1.10}"'],
    ['bytea', -1, '\\xdeadbeef00ff', '"3q2+7wD/"'],
    ['bytea', -1, '\\x', '""'],
    ['_int4', -1, '{}', '[]'],
    ['_int4', -1, '{1,NULL,-3}', '[1,null,-3]'],
    [
      '_text',
      -1,
      '{"a\\"b","c\\\\d","e,f","{g}",NULL,"NULL",""}',
      '["a\\"b","c\\\\d","e,f","{g}",null,"NULL",""]',
    ],
    ['_numeric', numeric(12, 2), '{1.25,NULL}', '["fQ==",null]'],
    ['_timestamptz', -1, '{"2024-02-29 23:59:59+00",infinity}', '["2024-02-29T23:59:59.000000Z","infinity"]'],
    ['_bytea', -1, '{"\\\\xdead"}', '["3q0="]'],
    ['_bool', -1, '{t,f}', '[true,false]'],
  ])('%s(%i) %s', (type, typeModifier, text, json) => {
    expect(mapping(type, typeModifier).encode(text)).toBe(json);
  });

  test.each([
    [{ decimals: 'double' }, 'numeric', numeric(12, 2), '-1234567890.12', '-1.23456789012E9'],
    [{ decimals: 'double' }, 'numeric', -1, '1e300', '1.0E300'],
    [{ decimals: 'double' }, 'numeric', -1, 'NaN', '"NaN"'],
    [{ decimals: 'string' }, 'numeric', -1, '-128.5000', '"-128.5000"'],
    [{ decimals: 'string' }, 'numeric', -1, 'Infinity', '"POSITIVE_INFINITY"'],
    [{ time: 'connect' }, 'time', -1, '23:59:59.123456', '86399123'],
    [{ time: 'connect' }, 'timestamp', -1, '294276-12-31 23:59:59.999999', '9224318015999999'],
    [{ time: 'adaptive_time_microseconds' }, 'time', 3, '12:00:00', '43200000000'],
    [{ binary: 'hex' }, 'bytea', -1, '\\xdeadbeef00ff', '"deadbeef00ff"'],
    [{ binary: 'base64-url-safe' }, 'bytea', -1, '\\xdeadbeef00', '"3q2-7wA="'],
    [{ interval: 'string' }, 'interval', -1, '-00:00:01.5', '"P0Y0M0DT0H0M-1.5S"'],
    [{ interval: 'string' }, 'interval', -1, '1 year 2 mons 3 days 04:05:06.789', '"P1Y2M3DT4H5M6.789S"'],
  ] as const)('under %j, %s(%i) %s', (config, type, typeModifier, text, json) => {
    expect(mapping(type, typeModifier, config).encode(text)).toBe(json);
  });
});

describe('a value that Debezium loses is kept:', () => {
  test('microseconds in an array of times', () => {
    expect(mapping('_time').encode('{23:59:59.123456}')).toBe('[86399123456]');
    expect(mapping('_timetz').encode('{23:59:59.123456+00}')).toBe('["23:59:59.123456Z"]');
  });

  test('an array of enums, which Debezium writes as null', () => {
    const moods = mapping('_mood', -1, {}, ['sad', 'happy']);
    expect(moods.encode('{happy,NULL}')).toBe('["happy",null]');
    expect(moods.schema.items?.optional).toBe(true);
  });

  test('dates before 1582 in an array, which the JDBC driver counts in the Julian calendar', () => {
    expect(mapping('_timestamp').encode('{"0044-03-15 12:00:00 BC"}')).toBe('[-63517780800000000]');
  });
});

describe('a type beyond the SQL standard’s', () => {
  test.each([
    ['money', -1, {}, '$1,234.56', '"AeJA"'],
    ['money', -1, {}, '-$0.01', '"/w=="'],
    ['money', -1, { decimals: 'double' }, '-$1,234.56', '-1234.56'],
    ['money', -1, { decimals: 'string' }, '$92,233,720,368,547,758.07', '"92233720368547758.07"'],
    ['bit', 1, {}, '1', 'true'],
    ['bit', 1, {}, '0', 'false'],
    ['bit', 8, {}, '10000001', '"gQ=="'],
    ['bit', 33, {}, `1${'0'.repeat(31)}1`, '"AQAAAAE="'],
    ['varbit', -1, {}, '00000101', '"BQ=="'],
    ['varbit', 5, {}, '00000', '""'],
    ['varbit', 5, {}, '', '""'],
    ['point', -1, {}, '(1.5,-2)', '{"x":1.5,"y":-2.0,"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAADA","srid":null}'],
    ['hstore', -1, {}, '', '"{}"'],
    ['hstore', -1, {}, '"b"=>"1", "a"=>NULL', '"{\\"a\\":null,\\"b\\":\\"1\\"}"'],
    ['hstore', -1, { hstore: 'map' }, '"k \\"q\\""=>"v, =>"', '{"k \\"q\\"":"v, =>"}'],
    ['ltree', -1, {}, 'top.science', '"top.science"'],
    ['citext', -1, {}, 'MiXed', '"MiXed"'],
    ['isbn', -1, {}, '0-393-04002-X', '"0-393-04002-X"'],
    ['date', -1, { time: 'isostring' }, '2024-02-29', '"2024-02-29Z"'],
    ['date', -1, { time: 'isostring' }, '0044-03-15 BC', '"-0043-03-15Z"'],
    ['time', -1, { time: 'isostring' }, '24:00:00', '"00:00:00Z"'],
    ['time', 3, { time: 'microseconds' }, '00:00:00.001', '1000'],
    ['time', -1, { time: 'nanoseconds' }, '23:59:59.123456', '86399123456000'],
    ['time', -1, { time: 'nanoseconds' }, '00:00:00', '0'],
    ['timestamp', -1, { time: 'isostring' }, '2024-02-29 23:59:59.120000', '"2024-02-29T23:59:59.12Z"'],
    ['timestamp', 3, { time: 'microseconds' }, '1969-12-31 23:59:59.999', '-1000'],
    ['timestamp', -1, { time: 'nanoseconds' }, '1969-12-31 23:59:59.999999', '-1000'],
    ['timestamp', -1, { time: 'nanoseconds' }, 'infinity', '9223372036854775807'],
    ['timestamp', -1, { time: 'nanoseconds' }, '-infinity', '-9223372036854775808'],
  ] as const)('%s(%i) under %j: %s', (type, typeModifier, config, text, json) => {
    expect(mapping(type, typeModifier, config).encode(text)).toBe(json);
  });

  test('has a semantic name in its schema', () => {
    const schema = (type: string, typeModifier = -1, config = {}) =>
      schemaJson(mapping(type, typeModifier, config).schema);
    expect(schema('bit', 8)).toBe(
      '{"type":"bytes","optional":false,"name":"io.debezium.data.Bits","version":1,"parameters":{"length":"8"}}',
    );
    expect(schema('hstore', -1, { hstore: 'map' })).toBe(
      '{"type":"map","keys":{"type":"string","optional":false},"values":{"type":"string","optional":true},"optional":false}',
    );
  });

  test('the pairs of an hstore are in the order of Java’s HashMap, whose buckets grow with their number', () => {
    const keys = Array.from({ length: 13 }, (_, i) => `key${i}`);
    const text = keys.map((key) => `"${key}"=>"1"`).join(', ');
    const json = mapping('hstore', -1, { hstore: 'map' }).encode(text);
    // What OpenJDK prints for `new HashMap<>(…).keySet()` of these keys.
    expect(Object.keys(JSON.parse(json))).toEqual(
      [1, 2, 0, 5, 6, 3, 4, 9, 7, 8, 11, 10, 12].map((i) => `key${i}`),
    );
  });

  test('a timestamp beyond 64 bits of nanoseconds is refused', () => {
    const { encode } = mapping('timestamp', -1, { time: 'nanoseconds' });
    expect(() => encode('2262-04-12 00:00:00')).toThrow(RangeError);
  });
});

describe('a value that a Connect type cannot hold is refused, never changed:', () => {
  test.each([
    ['numeric', numeric(12, 2), 'NaN'],
    ['numeric', -1, '-Infinity'],
    ['timestamp', -1, '294276-12-31 23:59:59.999999'],
    ['_int4', -1, '{{1,2},{3,4}}'],
    ['_text', -1, '{a'],
    ['_text', -1, '{"a}'],
    ['_text', -1, '{a,}'],
    ['date', -1, '02/29/2024'],
    ['interval', -1, 'P1D'],
    ['interval', -1, ''],
    ['bytea', -1, 'escape\\000'],
    ['money', -1, '1.234,56 €'],
    ['point', -1, '1,2'],
    ['hstore', -1, 'a=>1'],
    ['hstore', -1, '"a"=>"1" "b"=>"2"'],
  ])('%s(%i) %s', (type, typeModifier, text) => {
    expect(() => mapping(type, typeModifier).encode(text)).toThrow(RangeError);
  });

  test.each(['line', 'box', '_money', '_point', '_interval', '_name', 'toString', 'composite'])(
    'of type %s',
    (type) => {
      expect(mappingOf(column('c', type), DEFAULTS)).toBeNull();
    },
  );

  test('of a composite type', () => {
    expect(mappingOf(column('c', 'text', { typeKind: 'c' }), DEFAULTS)).toBeNull();
  });
});

describe('an unchanged TOAST value', () => {
  const codes = [...Buffer.from(DEFAULTS.unavailableValue)].join(',');

  test.each([
    ['text', '"__debezium_unavailable_value"'],
    ['jsonb', '"__debezium_unavailable_value"'],
    ['bytea', '"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="'],
    ['_text', '["__debezium_unavailable_value"]'],
    ['_int4', `[${codes}]`],
    ['_int8', `[${codes}]`],
    ['_uuid', '["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]'],
    ['_bytea', '["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]'],
  ])('of %s has Debezium’s placeholder', (type, placeholder) => {
    expect(mapping(type).placeholder).toBe(placeholder);
  });

  test.each(['numeric', '_numeric', '_float8', '_bool'])('of %s has no placeholder', (type) => {
    expect(mapping(type).placeholder).toBeNull();
  });
});

test('a Decimal reads back as the number that was written, at every length of two’s complement', () => {
  for (let bits = 0n; bits <= 130n; bits += 1n) {
    for (const offset of [-2n, -1n, 0n, 1n]) {
      for (const sign of [1n, -1n]) {
        const value = sign * (2n ** bits + offset);
        const json = mapping('numeric', numeric(100, 0)).encode(String(value));
        const bytes = Buffer.from(JSON.parse(json), 'base64');
        expect(fromTwosComplement(bytes)).toBe(value);
        // Java's BigInteger.toByteArray is minimal.
        if (bytes.length > 1) expect(fromTwosComplement(bytes.subarray(1))).not.toBe(value);
      }
    }
  }
});

function fromTwosComplement(bytes: Buffer): bigint {
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

test('schemas name the semantic type', () => {
  expect(schemaJson(mapping('numeric', numeric(12, 2)).schema)).toBe(
    '{"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,' +
      '"parameters":{"scale":"2","connect.decimal.precision":"12"}}',
  );
  expect(schemaJson(mapping('mood', -1, {}, ['sad', 'ok, fine']).schema)).toBe(
    '{"type":"string","optional":false,"name":"io.debezium.data.Enum","version":1,' +
      '"parameters":{"allowed":"sad,ok, fine"}}',
  );
});
