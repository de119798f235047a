import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { arrayLiteral } from '../bind/quoting.ts';
import { instant } from '../bind/time-text.ts';
import { arrayParameter, instantsParameter } from './array-parameter.ts';

let client: Client;
beforeAll(async () => {
  client = new Client({ connectionString: inject('sinkUrl'), options: '-c TimeZone=UTC' });
  await client.connect();
});
afterAll(() => client.end());

/** What the server makes of a parameter. */
async function read(parameter: unknown, type: string): Promise<string> {
  const { rows } = await client.query<{ text: string }>(`SELECT ($1::${type}[])::text AS text`, [parameter]);
  return rows[0]?.text ?? '';
}

describe('in binary form an array is what its text says', () => {
  test.each([
    ['smallint', ['0', '-32768', '32767', null]],
    ['integer', ['0', '-1', '-2147483648', '2147483647', '007']],
    ['bigint', ['0', '-1', '4294967296', '-4294967297', '999999999999999', '-999999999999999']],
    ['boolean', ['t', 'f', null]],
    ['text', ['', 'a"b\\c', 'NULL', '{x,y}', 'é😀', ' two\nlines\t', 'x'.repeat(49), `${'x'.repeat(49)}é`]],
    ['character varying', ['abc', '', 'ü']],
    ['uuid', ['76019d1a-ad2e-4b22-96e9-1a6d6543c818', 'FFFFFFFF-0000-4B22-96E9-ABCDEF012345']],
    [
      'timestamp without time zone',
      [
        '2024-02-29 23:59:59.123456',
        '1999-12-31 23:59:59.999999',
        '1970-01-01T00:00:00',
        '1900-03-01 00:00:00.5',
        '1800-01-01 00:00:00',
      ],
    ],
    [
      'timestamp with time zone',
      ['2024-03-01T00:00:00.000001Z', '2000-02-29T12:00:00Z', '2100-12-31 23:59:59.1+00', null],
    ],
    ['uuid', []],
  ])('%s %j', async (type, values) => {
    const parameter = arrayParameter(values, type);
    expect(parameter).toBeInstanceOf(Buffer);
    expect(await read(parameter, type)).toBe(await read(arrayLiteral(values), type));
  });
});

test.each([
  ['smallint', '32768'],
  ['integer', '2147483648'],
  ['bigint', '9223372036854775807'],
  ['bigint', '1e3'],
  ['bigint', ''],
  ['boolean', 'yes'],
  ['uuid', '76019d1aad2e4b2296e91a6d6543c818'],
  ['uuid', '76019d1a-ad2e-4b22-96e9-1a6d6543c81x'],
  ['uuid', '76019d1a-ad2e-4b22-96e9-1a6d6543c81é'],
  ['timestamp without time zone', 'infinity'],
  ['timestamp without time zone', '0044-03-15 12:00:00 BC'],
  ['timestamp without time zone', '294246-12-31 23:59:59.999999'],
  ['timestamp without time zone', '2023-02-29 00:00:00'],
  ['timestamp without time zone', '2024-12-31 24:00:00'],
  ['timestamp without time zone', '2024-12-31 23:59:60'],
  ['timestamp without time zone', '2024-12-31 23:59:59.1234567'],
  ['timestamp without time zone', '9999-12-31 23:59:59.999999'],
  ['timestamp without time zone', '0001-01-01 00:00:00'],
  ['timestamp without time zone', '2024-12-31 00:00:00Z'],
  ['timestamp with time zone', '2024-12-31 00:00:00'],
  ['timestamp with time zone', '2024-12-31T00:00:00+05'],
  ['numeric', '1.50'],
])('%s %j is left to the type’s input function, and all that come with it', (type, value) => {
  expect(arrayParameter([value, null, '1'], type)).toBe(`{"${value}",NULL,"1"}`);
});

test('instants go as numbers, and where a double cannot hold one as text', async () => {
  const type = 'timestamp with time zone';
  const micros = [1_700_000_000_000_001, 0, -1, null, 946_684_800_000_000];
  expect(instantsParameter(micros)).toBeInstanceOf(Buffer);
  expect(await read(instantsParameter(micros), type)).toBe(
    await read(arrayLiteral(micros.map(instant)), type),
  );
  expect(instantsParameter([-Number.MAX_SAFE_INTEGER, null])).toBe('{"1684-07-28 00:12:25.259009+00",NULL}');
});
