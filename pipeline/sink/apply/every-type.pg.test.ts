// Property: what the encoder makes of a value, the sink puts back, under every mode of the capture, for every type, into
// a table that the sink makes and into one that has the source's types already.
import { describe, expect, test } from 'vitest';
import type { EncoderConfig } from '../../contract/envelope.ts';
import { LabError } from '../../contract/errors.ts';
import type { Position } from '../../contract/position.ts';
import type { ColumnDescription } from '../../contract/table.ts';
import { createEventEncoder } from '../../envelope/encoder.ts';
import { column, DEFAULTS, STREAM, WITH_SCHEMAS } from '../../envelope/testing/fixtures.ts';
import { applyBench, type Sink } from '../testing/apply-bench.ts';
import { positionAt, type RawRecord } from '../testing/event-fixture.ts';

type Settings = Partial<EncoderConfig>;
/** SQL of a value as text → SQL of what must be equal on both sides. */
type Rule = (text: string) => string;
interface Case {
  readonly type: string;
  readonly values: readonly string[];
  readonly settings: Settings;
  /** What a mode of Debezium loses by its definition. */
  readonly loses: Rule;
  /** SQL of the value in a table that the sink made, as text of the source's type. */
  readonly made: Rule;
  /** True if no Connect type of this mode holds the value: the capture stops at it. */
  readonly refuses: (value: string) => boolean;
}

const same: Rule = (text) => text;
const TIMES = [
  'adaptive',
  'adaptive_time_microseconds',
  'connect',
  'isostring',
  'microseconds',
  'nanoseconds',
] as const;
const DATES = [
  '2024-02-29',
  '0001-01-01',
  '0044-03-15 BC',
  '4713-01-01 BC',
  '5874897-12-31',
  'infinity',
  '-infinity',
];
const STAMPS = [
  ...[
    '2024-02-29 23:59:59.123456',
    '1969-12-31 23:59:59.999999',
    '0001-01-01 00:00:00',
    '4713-01-01 00:00:00 BC',
  ],
  ...[
    '9999-12-31 23:59:59.999999',
    '10000-01-01 00:00:00',
    '0044-03-15 12:00:00.5 BC',
    'infinity',
    '-infinity',
  ],
];
const LAST_STAMPS = ['294246-12-31 23:59:59.999999', '294276-12-31 23:59:59.999'];
const CLOCKS = ['00:00:00', '23:59:59.999999', '24:00:00', '12:00:00.5'];

function underTime(time: EncoderConfig['time']): Case[] {
  const settings = { time };
  const nanos = time === 'nanoseconds';
  const toMillis = time === 'connect';
  const clock: Rule = (text) => {
    const wrapped = time === 'isostring' ? `replace(${text}, '24:00:00', '00:00:00')` : text;
    return toMillis ? `left(${wrapped} || '.000', 12)` : wrapped;
  };
  const stamp: Rule = (text) => (toMillis ? `regexp_replace(${text}, '(\\.\\d{1,3})\\d*', '\\1')` : text);
  const beyondNanos = (value: string): boolean => nanos && !/^(2024|1969|-?infinity)/.test(value);
  const beyondMicros = (value: string): boolean =>
    value.startsWith('294276') && !toMillis && time !== 'isostring';
  const base = { settings, made: same, refuses: () => false, loses: same };
  return [
    { ...base, type: 'date', values: DATES },
    { ...base, type: 'time', values: CLOCKS, loses: clock },
    { ...base, type: 'time(3)', values: ['12:34:56.789', '24:00:00'], loses: clock },
    {
      ...base,
      type: 'timestamp',
      values: [...STAMPS, ...LAST_STAMPS],
      loses: stamp,
      refuses: (value) => beyondNanos(value) || beyondMicros(value),
    },
    {
      ...base,
      type: 'timestamp(3)',
      values: [
        '2024-02-29 23:59:59.123',
        '0044-03-15 12:00:00.5 BC',
        '294276-12-31 23:59:59.999',
        '-infinity',
      ],
      refuses: (value) =>
        beyondNanos(value) ||
        (beyondMicros(value) && time !== 'adaptive' && time !== 'adaptive_time_microseconds'),
    },
    { ...base, type: 'timestamptz', values: [...STAMPS, ...LAST_STAMPS].map(inZone) },
    { ...base, type: 'timestamptz(0)', values: ['2024-02-29 23:59:59+00', '0044-03-15 12:00:00+00 BC'] },
    { ...base, type: 'timetz', values: ['23:59:59.999999+00', '12:00:00+05:30'], loses: inUTC },
    { ...base, type: 'date[]', values: [arrayOf(DATES)] },
    { ...base, type: 'timestamptz[]', values: [arrayOf(STAMPS.map(inZone))] },
    {
      ...base,
      type: 'timestamp[]',
      values: [arrayOf(nanos ? STAMPS.slice(0, 2) : STAMPS)],
      loses: stampsOf(toMillis),
    },
  ];
}

function inZone(stamp: string): string {
  if (stamp.endsWith('infinity')) return stamp;
  return stamp.endsWith(' BC') ? `${stamp.slice(0, -3)}+00 BC` : `${stamp}+00`;
}
const inUTC: Rule = (text) => `(${text}::timetz AT TIME ZONE 'UTC')::text`;
const arrayOf = (values: readonly string[]): string =>
  `{NULL,${values.map((v) => JSON.stringify(v)).join(',')}}`;
const stampsOf = (toMillis: boolean): Rule =>
  toMillis ? (text) => `regexp_replace(${text}, '(\\.\\d{1,3})\\d*', '\\1', 'g')` : same;

const NUMBERS = ['0', '-1.50', '1e40', '1e-30', '12345678901234567890.123456789'];
const special = (value: string): boolean => /NaN|Infinity/.test(value);
function underDecimals(decimals: EncoderConfig['decimals']): Case[] {
  const settings = { decimals };
  const isDouble = decimals === 'double';
  const base = { settings, refuses: (value: string) => decimals === 'precise' && special(value) };
  const loses: Rule = isDouble
    ? (text) => `${text}::float8::text`
    : (text) => `trim_scale(${text}::numeric)::text`;
  const named: Rule = (text) =>
    `replace(replace(replace(${text}, 'POSITIVE_INF', 'Inf'), 'NEGATIVE_INF', '-Inf'), 'INITY', 'inity')`;
  return [
    { ...base, type: 'numeric', values: [...NUMBERS, 'NaN', 'Infinity', '-Infinity'], loses, made: named },
    { ...base, type: 'numeric(12,2)', values: ['0', '-1234567890.12', '-0.01', 'NaN'], loses, made: named },
    { ...base, type: 'numeric(3,-2)', values: ['12300', '-100'], loses, made: same },
    {
      ...base,
      type: 'numeric(12,2)[]',
      values: ['{NULL,-1.28,1234567890.12}'],
      loses: isDouble ? (text) => `${text}::float8[]::text` : same,
      made: same,
    },
    {
      ...base,
      type: 'money',
      values: ['$0.00', '-$1,234.56', '$45,035,996,273,704.96'],
      loses: same,
      made: (text) => `${text}::numeric::money::text`,
    },
  ];
}

const BYTES = ['\\x', '\\x00ff10', '\\xdeadbeef', '\\xfbf0ff', '\\x6465616462656566'];
const BINARY: Readonly<Record<EncoderConfig['binary'], Rule>> = {
  bytes: same,
  hex: (text) => `decode(${text}, 'hex')::text`,
  base64: (text) => `decode(${text}, 'base64')::text`,
  'base64-url-safe': (text) => `decode(translate(${text}, '-_', '+/'), 'base64')::text`,
};

const PLAIN: readonly (readonly [string, readonly string[], Rule?, Rule?])[] = [
  ['bool', ['t', 'f']],
  ['int2', ['-32768', '32767']],
  ['int4', ['-2147483648', '2147483647']],
  ['int8', ['-9223372036854775808', '9223372036854775807', '9007199254740993']],
  ['oid', ['0', '4294967295']],
  ['float4', ['1.1', '-0', 'NaN', 'Infinity', '3.4028235e+38', '1e-45']],
  ['float8', ['0.1', '-0', 'NaN', '-Infinity', '1.7976931348623157e+308', '5e-324', '1e+22']],
  ['text', ['', 'a"b\\c', 'NULL', '{x,y}', 'é😀', ' two\nlines\t', "it's", '__debezium_unavailable_value']],
  ['varchar(20)', ['abc', '', ' x ']],
  ['char(6)', ['ab', '']],
  ['uuid', ['76019d1a-ad2e-4b22-96e9-1a6d6543c818']],
  ['json', ['{"a" : 1.10, "a": null}', '"__debezium_unavailable_value"']],
  ['jsonb', ['{"a": 1.10, "b": [1, "é"]}', 'null', '9007199254740993']],
  ['xml', ['<a b="1">é</a>']],
  ['inet', ['10.0.0.1', '10.0.0.0/8', '::1']],
  ['cidr', ['10.0.0.0/8']],
  ['macaddr', ['08:00:2b:01:02:03']],
  ['int4range', ['[1,5)', 'empty', '(,)']],
  ['tstzrange', ['["2024-01-01 00:00:00+00",infinity)', '["0044-03-15 00:00:00+00 BC",)']],
  ['tsvector', ["'a' 'b':1A"]],
  ['point', ['(1,2)', '(-0.5,1e+22)', '(Infinity,NaN)']],
  ['bit(1)', ['0', '1'], same, (text) => `(${text}::boolean::int)::text`],
  ['bit(12)', ['000000000001', '100000000000', '000000000000']],
  ['varbit', ['1', '101', '1000000000000000000000000001']],
  ['varbit(8)', ['10000001']],
  ['hstore', ['', '"a"=>"1", "b"=>NULL', '"q\\"\\\\"=>"é, \\"x\\""'], same, hstoreOf],
  ['text[]', ['{NULL,"NULL","a,b","say \\"hi\\"\\\\",{}}'.replace('{}}', '"{}"}'), '{}']],
  ['int4[]', ['{1,NULL,-3}']],
  ['uuid[]', ['{76019d1a-ad2e-4b22-96e9-1a6d6543c818}']],
];

function hstoreOf(text: string): string {
  return `coalesce((SELECT hstore(array_agg(key), array_agg(value)) FROM json_each_text(${text}::json)), '')::text`;
}

const CASES: readonly Case[] = [
  ...PLAIN.map(([type, values, loses = same, made = same]) => {
    return { type, values, loses, made, settings: {}, refuses: () => false };
  }),
  ...TIMES.flatMap(underTime),
  ...(['precise', 'double', 'string'] as const).flatMap(underDecimals),
  ...(['bytes', 'hex', 'base64', 'base64-url-safe'] as const).flatMap((binary): Case[] => {
    const base = { settings: { binary }, loses: same, refuses: () => false };
    return [{ ...base, type: 'bytea', values: BYTES, made: BINARY[binary] }];
  }),
  {
    type: 'interval',
    values: ['00:00:00', '1 day 02:03:04.000005', '-00:00:00.000001', '-3 days +04:00:00'],
    settings: { interval: 'numeric' },
    loses: (text) => `extract(epoch FROM ${text}::interval)::text`,
    made: same,
    refuses: () => false,
  },
  {
    type: 'interval',
    values: ['1 mon', '-1 years -2 mons +3 days -04:05:06.000789', '178000000 years', '-00:00:00.000001'],
    settings: { interval: 'string' },
    loses: same,
    made: same,
    refuses: () => false,
  },
  {
    type: 'hstore',
    values: ['', '"a"=>"1", "b"=>NULL', '"q\\"\\\\"=>"é, \\"x\\""'],
    settings: { hstore: 'map' },
    loses: same,
    made: hstoreOf,
    refuses: () => false,
  },
];

const bench = applyBench();

const GROUPS = [...Map.groupBy(CASES, ({ settings }) => JSON.stringify(settings))];

describe.each(GROUPS)('under %s, values of every type', (_settings, cases) => {
  test.each(['made by the sink', 'made beforehand'])('arrive in a table %s', async (kind) => {
    await bench.db.rows(`CREATE EXTENSION hstore; SET DateStyle = ISO; SET IntervalStyle = postgres;
      SET TimeZone = UTC; SET lc_monetary = 'C'`);
    const isMade = kind === 'made by the sink';
    const binary = isMade ? 'bytes' : (cases[0]?.settings.binary ?? 'bytes');
    const sink = await bench.open({ 'binary.handling.mode': binary });
    const found: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const [i, example] of cases.entries()) {
      const { type, loses, made } = example;
      const table = `t${i}`;
      if (!isMade) await bench.db.rows(`CREATE TABLE ${table} (id int PRIMARY KEY, v ${type})`);
      const sent = await send(sink, table, example);
      const back = isMade ? made('v::text') : 'v::text';
      expected[type] = await bench.db.rows(
        `SELECT i AS id, ${loses(`format('%s', x::${type})`)} AS v FROM unnest($1::int[], $2::text[]) AS e(i, x) ORDER BY i`,
        [[...sent.keys()], [...sent.values()]],
      );
      found[type] = await bench.db.rows(
        `SELECT id, ${loses(`format('%s', (${back})::${type})`)} AS v FROM ${table} ORDER BY id`,
      );
    }
    expect(found).toEqual(expected);
  });
});

/** Sends each value as an insert into the table. @returns those that the capture did not refuse, by id. */
async function send(sink: Sink, table: string, example: Case): Promise<Map<number, string>> {
  const { type, values, settings, refuses } = example;
  const encoder = createEventEncoder({ ...DEFAULTS, ...WITH_SCHEMAS, ...settings });
  const columns = [column('id', 'int4', { keyRank: 1, notNull: true }), await describeType(type)];
  encoder.describe({ relationOid: 1, schema: 'public', table, replicaIdentity: 'default', columns });
  const texts = await bench.db.rows(`SELECT format('%s', x::${type}) AS text FROM unnest($1::text[]) AS x`, [
    values,
  ]);
  const sent = new Map<number, string>();
  const records: RawRecord[] = [];
  for (const [id, { text }] of texts.entries()) {
    const context = { ...STREAM, position: positionAt(id + 1, 1) as Position };
    try {
      const [record] = encoder.create(1, [String(id), String(text)], context);
      const headers = [...(record?.headers ?? [])].map(([name, value]) => [name, String(value)]);
      records.push({
        key: String(record?.key),
        value: String(record?.value),
        headers: Object.fromEntries(headers),
      });
      sent.set(id, values[id] ?? '');
    } catch (error) {
      expect(error).toBeInstanceOf(LabError);
    }
    expect(sent.has(id), `${type} ${values[id]}`).toBe(!refuses(values[id] ?? ''));
  }
  try {
    await sink.apply(...records);
  } catch (error) {
    throw new Error(`values of type ${type} could not be applied`, { cause: error });
  }
  return sent;
}

async function describeType(type: string): Promise<ColumnDescription> {
  const rows = await bench.db.rows(
    'SELECT typname AS name, typtype AS kind, to_regtypemod($1) AS modifier FROM pg_type WHERE oid = to_regtype($1)',
    [type],
  );
  const described = rows[0] as { name: string; kind: string; modifier: number | null };
  return column('v', described.name, { typeModifier: described.modifier ?? -1, typeKind: described.kind });
}
