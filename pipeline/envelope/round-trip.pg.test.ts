import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { EncoderConfig } from '../contract/envelope.ts';
import type { ColumnDescription } from '../contract/table.ts';
import { converterFor, converterOf } from '../sink/bind/convert.ts';
import { readSchema } from '../sink/decode/connect-schema.ts';
import { parseJson } from '../sink/decode/json.ts';
import { schemaJson } from './connect-schema.ts';
import { column, DEFAULTS } from './testing/fixtures.ts';
import { mappingOf } from './types/mapping-of.ts';

/** Types and values of them. All values of a type are also tested as an array, if its arrays are supported. */
const TYPES: readonly (readonly [string, readonly string[]])[] = [
  ['bool', ['t', 'f']],
  ['int2', ['-32768', '32767']],
  ['int4', ['-2147483648', '0']],
  ['int8', ['-9223372036854775808', '9223372036854775807', '9007199254740993']],
  ['oid', ['0', '4294967295']],
  ['float4', ['1.1', '-0', 'NaN', 'Infinity', '3.4028235e38', '1e-45']],
  [
    'float8',
    ['0.1', '-0', 'NaN', '-Infinity', '1.7976931348623157e308', '5e-324', '1e22', '123456789012345680'],
  ],
  ['numeric', ['0', '-1.50', '1e40', '1e-30', '12345678901234567890.123456789']],
  ['numeric(12,2)', ['0', '-1234567890.12', '1.28', '-0.01']],
  ['numeric(3,-2)', ['12300', '-100']],
  ['text', ['', 'a"b\\c', 'NULL', '{x,y}', 'é😀', ' two\nlines\t', "it's"]],
  ['varchar(20)', ['abc', '']],
  ['char(6)', ['ab', '']],
  ['uuid', ['76019d1a-ad2e-4b22-96e9-1a6d6543c818']],
  ['date', ['2024-02-29', '0044-03-15 BC', '4713-01-01 BC', '5874897-12-31', '1582-10-10']],
  ['time', ['00:00', '23:59:59.999999', '24:00']],
  ['time(3)', ['12:34:56.789']],
  [
    'timestamp',
    ['2024-02-29 23:59:59.123456', '0001-01-01', '4713-01-01 BC', '294246-12-31 23:59:59.999999'],
  ],
  ['timestamp', ['infinity', '-infinity', '1969-12-31 23:59:59.999999', '1500-02-28 12:00']],
  ['timestamp(3)', ['2024-02-29 23:59:59.123', 'infinity', '1969-12-31 23:59:59.999']],
  ['timestamptz', ['2024-02-29 23:59:59.123456+05:30', '0001-01-01 00:00+00']],
  ['timestamptz', ['infinity', '-infinity', '9999-12-31 23:59:59.999999+00']],
  ['timestamptz(0)', ['2024-02-29 23:59:59+00']],
  ['interval', ['0', '1 day 02:03:04.000005', '-00:00:00.000001', '-3 days 04:00']],
  ['json', ['{"a" : 1.10, "a": null}']],
  ['jsonb', ['{"a": 1.10, "b": [1, "é"]}', 'null', '9007199254740993']],
  ['bytea', ['\\x', '\\x00ff10', '\\xdeadbeef']],
];

const SETTINGS: readonly Partial<EncoderConfig>[] = [
  {},
  { decimals: 'string', time: 'adaptive_time_microseconds' },
];

let client: Client;
beforeAll(async () => {
  client = new Client(inject('sourceUrl'));
  await client.connect();
  await client.query(`SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET TimeZone = 'Asia/Kolkata'`);
});
afterAll(() => client.end());

describe.each(SETTINGS)(
  'under %j, the sink reads from the encoder’s JSON the value that was in the source:',
  (settings) => {
    const config = { ...DEFAULTS, ...settings };

    test.each(TYPES)('%s %j', async (type, values) => {
      for (const value of values) await survives(type, value, config);
      if (type !== 'interval') await survives(`${type}[]`, null, config, values);
    });
  },
);

/** @param elements Instead of a value: it is then an array of these and NULL. */
async function survives(
  type: string,
  value: string | null,
  config: EncoderConfig,
  elements?: readonly string[],
): Promise<void> {
  const expression = elements === undefined ? `$1::${type}` : `($1::text[] || NULL::text)::${type}`;
  const given = elements === undefined ? value : elements;
  const { rows } = await client.query<{ text: string }>(`SELECT format('%s', ${expression}) AS text`, [
    given,
  ]);
  const text = rows[0]?.text ?? '';
  const described = await describeType(type);
  const mapping = mappingOf(described, config);
  if (mapping === null) throw new Error(`${type} is not mapped`);
  const read = parseJson(mapping.encode(text), 'all');
  const schema = readSchema(JSON.parse(schemaJson({ ...mapping.schema, optional: true })));
  const typeName = described.elementType?.typeName ?? described.typeName;
  const target = { typeName, isArray: described.elementType !== null, typeModifier: described.typeModifier };
  // Without a schema the sink assumes Debezium's default modes.
  const ways =
    config.time === 'adaptive'
      ? { schema: converterOf(schema, null), catalogue: converterFor(target, 'bytes') }
      : { schema: converterOf(schema, null) };
  for (const [way, convert] of Object.entries(ways)) {
    const back = convert(read);
    // A numeric without a scale loses the zeros at its end, and an interval its days: equal, but not the same text.
    if (typeName === 'numeric' || typeName === 'interval') {
      const equal = await client.query(`SELECT $1::${type} = $2::${type} AS equal`, [back, text]);
      expect(equal.rows[0], `${type} ${text} by ${way}`).toEqual({ equal: true });
    } else {
      const stored = await client.query(`SELECT format('%s', $1::${type}) AS text`, [back]);
      expect(stored.rows[0], `${type} by ${way}`).toEqual({ text });
    }
  }
}

async function describeType(type: string): Promise<ColumnDescription> {
  const { rows } = await client.query<{ name: string; modifier: number | null }>(
    'SELECT typname AS name, to_regtypemod($1) AS modifier FROM pg_type WHERE oid = to_regtype($1)',
    [type],
  );
  return column('c', rows[0]?.name ?? '', { typeModifier: rows[0]?.modifier ?? -1 });
}
