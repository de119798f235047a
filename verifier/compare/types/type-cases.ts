/** Values of a column of the source, and how a pipeline puts them into the sink. */
export interface TypeCase {
  /** The column's type at the source and in the sink, as CREATE TABLE takes them. */
  readonly types: readonly [source: string, sink: string];
  readonly decision: 'lossless' | 'lossy';
  /** Values that the sink holds in full, all different. */
  readonly held: readonly string[];
  /** Values of which the sink's type loses something. */
  readonly lost?: readonly string[];
  /**
   * SQL for the sink's value, where `$` is the text that the source prints. By default a cast of that text, which is what
   * PostgreSQL's own replication does.
   */
  readonly into?: string;
}

const WHOLE = ['0', '-1', '32767'];
const MOMENTS = ['2026-01-02 03:04:05.678901', '1969-12-31 23:59:59', 'infinity', '0044-03-15 00:00:00 BC'];
const DATES = ['2026-01-02', '1969-12-31', '-infinity', '0044-03-15 BC'];
const MAC = ['08:00:2b:01:02:03', 'ff:ff:ff:ff:ff:ff'];
const REALS = ['0', '1.5', '0.1', '-1e-45', '3.4028235e38', '1000000', 'Infinity', 'NaN'];
const DOUBLES = ['0', '0.1', '0.30000000000000004', '-1e-300', '1e100', '1e15', '1000000.5'];
const DOCUMENTS = ['{"b": [1, {"c": null}], "a": "x"}', '{}', '[[], {}, "é", 1.50]', 'null'];
const ADDRESSES = ['10.0.0.1', '10.0.0.1/24', '::1', '::1/32', '0.0.0.0/0'];

/** `held` and `decision` of pairs that need no more than a cast. */
const CAST: readonly (readonly [source: string, sink: string, held: readonly string[]])[] = [
  ['int2', 'int4', WHOLE],
  ['int2', 'int8', WHOLE],
  ['int4', 'int8', [...WHOLE, '-2147483648']],
  ['int4', 'numeric', WHOLE],
  ['int4', 'numeric(12,2)', WHOLE],
  ['int8', 'numeric(21,2)', [...WHOLE, '-9223372036854775808']],
  ['int8', 'numeric', [...WHOLE, '9223372036854775807']],
  ['int2', 'float4', WHOLE],
  ['int4', 'float8', [...WHOLE, '-2147483648']],
  ['oid', 'int8', ['0', '4294967295']],
  ['oid', 'numeric', ['0', '4294967295']],
  ['numeric(12,2)', 'numeric(14,4)', ['1.50', '-1.50', '0.01', '9999999999.99', 'NaN']],
  ['numeric(12,2)[]', 'numeric(14,4)[]', ['{1.50,NULL}', '{}', '{{1},{2}}', '[0:0]={1.50}']],
  ['float4', 'float8', REALS],
  ['float4', 'numeric', REALS.filter((value) => value !== 'Infinity' && value !== '3.4028235e38')],
  ['float8', 'numeric', DOUBLES],
  ['int4[]', 'int8[]', ['{1,2}', '{}', '{NULL,1}', '{{1},{2}}']],
  ['int4[]', 'text[]', ['{1,2}', '{}', '{NULL,1}']],
  ['int4[]', 'text', ['{1,2}', '{}', '{NULL,1}']],
  ['mood[]', 'text[]', ['{sad,"so, so"}', '{}']],
  ['bit(1)', 'bool', ['0', '1']],
  ['bit(3)', 'varbit', ['000', '101']],
  ['bit(3)', 'varbit(3)', ['000', '101']],
  ['varbit(3)', 'varbit(5)', ['', '0', '00', '101']],
  ['bool', 'text', ['true', 'false']],
  ['char(3)', 'char(5)', ['a', 'abc', '']],
  ['char(3)', 'text', ['a', 'abc', '']],
  ['char(3)', 'varchar(9)', ['a', 'abc', '']],
  ['varchar(5)', 'varchar(9)', ['a', 'a ', '']],
  ['varchar(5)', 'text', ['a', 'a ', '']],
  ['text', 'citext', ['a', 'A', 'a ', '']],
  ['citext', 'text', ['a', 'A', 'a ', '']],
  ['name', 'text', ['a', 'A', '']],
  ['"char"', 'text', ['a', 'A']],
  ['uuid', 'text', ['00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000003']],
  ['uuid', 'char(36)', ['00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000003']],
  ['mood', 'text', ['sad', 'so, so']],
  ['two', 'text', ['(1,)', '(1,x)', '(,)']],
  ['bytea', 'text', ['\\x00', '\\xff']],
  ['numeric', 'text', ['1.0', '1.00', '-5']],
  ['int8', 'text', ['1', '-9223372036854775808']],
  ['float8', 'text', DOUBLES],
  ['date', 'text', DATES],
  ['timestamptz', 'text', MOMENTS],
  ['interval', 'text', ['1 mon', '30 days', '720:00:00']],
  ['tsvector', 'text', ["'a':1 'b':2", '']],
  ['point', 'text', ['(1,2)', '(2,1)']],
  ['int4range', 'text', ['[1,3)', 'empty']],
  ['date', 'timestamp', DATES],
  ['date', 'timestamptz', DATES],
  ['timestamp', 'timestamptz', MOMENTS],
  ['timestamptz', 'timestamp', MOMENTS],
  ['timestamp(2)', 'timestamp(3)', ['2026-01-02 03:04:05.67', 'infinity']],
  ['time', 'timetz', ['00:00', '24:00', '12:00:00.000001']],
  ['jsonb', 'json', DOCUMENTS],
  ['jsonb', 'text', DOCUMENTS],
  ['json', 'text', ['{"a":1}', '{"a": 1}', '{"a":1,"a":1}']],
  ['hstore', 'text', ['a=>1', 'a=>NULL', '']],
  ['inet', 'text', ADDRESSES],
  ['cidr', 'text', ['10.0.0.0/8', '10.0.0.1/32', '::1/128']],
  ['cidr', 'inet', ['10.0.0.0/8', '10.0.0.1/32', '::1/128']],
  ['macaddr', 'macaddr8', MAC],
  [
    'xml',
    'text',
    ['<?xml version="1.0" encoding="UTF-8"?><a/>', '<a></a>', '<?xml version="1.0" standalone="yes"?><a/>'],
  ],
  ['int4range', 'int8range', ['[1,3)', '[1,4)', 'empty']],
  ['int8range', 'numrange', ['[1,3)', '[1,4)', '(,)']],
];

const LOSSLESS: readonly TypeCase[] = CAST.map(([source, sink, held]) => ({
  types: [source, sink],
  decision: 'lossless',
  held,
}));

/** Pairs whose values a pipeline writes in another way than as the text that the source prints. */
const CONVERTED: readonly TypeCase[] = [
  { types: ['float4', 'float8'], decision: 'lossless', held: REALS, into: '$::float4' },
  {
    types: ['money', 'numeric(19,2)'],
    decision: 'lossless',
    held: ['1.50', '-1234.56', '0'],
    into: '$::money',
  },
  { types: ['money', 'numeric'], decision: 'lossless', held: ['1.50', '-1234.56', '0'], into: '$::money' },
  {
    types: ['money', 'text'],
    decision: 'lossless',
    held: ['1.50', '-1234.56', '0'],
    into: '$::money::numeric',
  },
  { types: ['money', 'text'], decision: 'lossless', held: ['1.50', '-1234.56', '0'] },
  {
    types: ['time', 'timestamp'],
    decision: 'lossless',
    held: ['03:04:05.6789', '00:00:00', '24:00:00'],
    into: `(timestamp '1970-01-01' + $::interval)`,
  },
  { types: ['int4', 'money'], decision: 'lossless', held: WHOLE },
  { types: ['bool', 'text'], decision: 'lossless', held: ['true', 'false'], into: '$::bool' },
  { types: ['bool', 'bit(1)'], decision: 'lossless', held: ['true', 'false'], into: '$::bool::int4::bit(1)' },
  { types: ['bool', 'int2'], decision: 'lossless', held: ['true', 'false'], into: '$::bool::int4' },
  {
    types: ['hstore', 'json'],
    decision: 'lossless',
    held: ['a=>1', 'a=>NULL', 'b=>1,a=>2'],
    into: '$::hstore::json',
  },
  {
    types: ['hstore', 'jsonb'],
    decision: 'lossless',
    held: ['a=>1', 'a=>NULL', ''],
    into: '$::hstore::jsonb',
  },
  { types: ['int4[]', 'json'], decision: 'lossless', held: ['{1,NULL}', '{}'], into: 'to_json($::int4[])' },
  {
    types: ['text[]', 'jsonb'],
    decision: 'lossless',
    held: ['{a,"b,c"}', '{}'],
    into: 'to_jsonb($::text[])',
  },
  { types: ['text', 'bytea'], decision: 'lossless', held: ['a', 'é', ''], into: `convert_to($, 'UTF8')` },
  ...isoCases(),
  {
    types: ['numeric', 'text'],
    decision: 'lossless',
    held: ['NaN', '1.0', '1.00'],
    into: `replace($, 'NaN', 'NAN')`,
  },
];

/** The ISO 8601 text of Debezium's events, in a copy that keeps dates, times and intervals as text. */
function isoCases(): readonly TypeCase[] {
  const iso = (of: string, clock: string) =>
    `(SELECT CASE WHEN y <= 0 THEN '-' WHEN y > 9999 THEN '+' ELSE '' END || to_char(abs(y), 'FM999990000')
       || to_char(m, '-MM-DD') || ${clock} || 'Z'
      FROM (SELECT m, extract(year FROM m)::int + (extract(year FROM m) < 0)::int AS y FROM (SELECT $::${of} AS m) AS a) AS b)`;
  const held = [
    '2026-01-02 03:04:05.6789',
    '1969-12-31 23:59:59',
    '0044-03-15 00:00:00 BC',
    '12026-01-02 00:00:00',
  ];
  const clock = `to_char(m, '"T"HH24:MI:SS.US')`;
  const parts = ['year', 'month', 'day', 'hour', 'minute'].map((part) => `extract(${part} FROM i)`);
  const [y, mo, d, h, mi] = parts;
  return [
    {
      types: ['date', 'text'],
      decision: 'lossless',
      held: DATES.filter((one) => !one.includes('inf')),
      into: iso('date', `''`),
    },
    { types: ['timestamp', 'text'], decision: 'lossless', held, into: iso('timestamp', clock) },
    { types: ['timestamptz', 'varchar'], decision: 'lossless', held, into: iso('timestamptz', clock) },
    {
      types: ['time', 'text'],
      decision: 'lossless',
      held: ['03:04:05.6', '00:00:00', '23:59:59.000001'],
      into: `$ || 'Z'`,
    },
    {
      types: ['timetz', 'text'],
      decision: 'lossless',
      held: ['03:04:05.6+00', '00:00:00+00'],
      into: `replace($, '+00', 'Z')`,
    },
    {
      types: ['interval', 'text'],
      decision: 'lossless',
      held: ['1 mon', '30 days', '1 year 2 mons -3 days 04:05:06.7', '-00:00:01'],
      into: `(SELECT concat('P', ${y}, 'Y', ${mo}, 'M', ${d}, 'DT', ${h}, 'H', ${mi}, 'M', extract(second FROM i), 'S')
        FROM (SELECT $::interval AS i) AS a)`,
    },
  ];
}

const LOSSY: readonly TypeCase[] = [
  { types: ['text', 'char(5)'], decision: 'lossy', held: ['a', 'abcde', ''], lost: ['a ', ' ', 'abcd '] },
  { types: ['text', 'varchar(5)'], decision: 'lossy', held: ['a', 'a ', 'abcde'], lost: ['abcdefg'] },
  {
    types: ['json', 'jsonb'],
    decision: 'lossy',
    held: [...DOCUMENTS, '"\\u00e9\\n"'],
    lost: ['{"a":1,"a":1}', '[{"x":{"a":1,"a":[]}}]'],
  },
  {
    types: ['float8', 'float4'],
    decision: 'lossy',
    held: ['0.1', '1000000', 'NaN', '-0'],
    lost: ['0.123456789012', '16777217'],
  },
  {
    types: ['numeric', 'float8'],
    decision: 'lossy',
    held: ['0.1', '1.50', '1e15', 'NaN'],
    lost: ['0.12345678901234567890', '12345678901234567890.5'],
  },
  {
    types: ['numeric', 'float4'],
    decision: 'lossy',
    held: ['0.1', '1.50'],
    lost: ['16777217', '0.123456789'],
  },
  { types: ['numeric', 'numeric(12,2)'], decision: 'lossy', held: ['1.5', '2'], lost: ['1.505', '0.001'] },
  {
    types: ['numeric(12,4)', 'numeric(12,2)'],
    decision: 'lossy',
    held: ['1.5', '2'],
    lost: ['1.505', '0.0010'],
  },
  { types: ['numeric', 'int4'], decision: 'lossy', held: ['1', '-7'], lost: ['1.4'], into: '$::numeric' },
  { types: ['int8', 'int4'], decision: 'lossy', held: WHOLE },
  {
    types: ['int8', 'float8'],
    decision: 'lossy',
    held: ['0', '9007199254740992', '-9223372036854775808', '4611686018427387904'],
    lost: ['9007199254740993', '9223372036854775807'],
  },
  { types: ['int4', 'float4'], decision: 'lossy', held: ['0', '-5', '16777216'], lost: ['16777217'] },
  { types: ['int8', 'numeric(12,2)'], decision: 'lossy', held: WHOLE },
  {
    types: ['money', 'float8'],
    decision: 'lossy',
    held: ['1.50', '-0.01'],
    into: '$::money::numeric',
    lost: ['92233720368547758.07'],
  },
  {
    types: ['numeric', 'money'],
    decision: 'lossy',
    held: ['1.5', '-7'],
    lost: ['1.505'],
    into: '$::numeric',
  },
  { types: ['int4', 'bool'], decision: 'lossy', held: ['0', '1'], lost: ['2', '-1'], into: '$::int4' },
  { types: ['text', 'bool'], decision: 'lossy', held: ['true', 'false'], lost: ['yes'] },
  { types: ['text', 'numeric'], decision: 'lossy', held: ['1.50', '7'], lost: ['007', '1e3'] },
  { types: ['text', 'jsonb'], decision: 'lossy', held: ['{"a": 1}', '1'], lost: ['{"a":1}'] },
  {
    types: ['text', 'uuid'],
    decision: 'lossy',
    held: ['00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000003'],
    lost: ['00000000-0000-0000-0000-00000000000A'],
  },
  { types: ['text', 'name'], decision: 'lossy', held: ['a', 'b '], lost: ['x'.repeat(70)] },
  { types: ['mood', 'humour'], decision: 'lossy', held: ['sad', 'so, so'] },
  {
    types: ['varbit', 'bit(3)'],
    decision: 'lossy',
    held: ['101', '000'],
    lost: ['11'],
    into: '$::varbit::bit(3)',
  },
  {
    types: ['timestamp', 'date'],
    decision: 'lossy',
    held: ['2026-01-02 00:00:00', 'infinity'],
    lost: ['2026-01-02 03:04:05'],
  },
  {
    types: ['timestamptz', 'date'],
    decision: 'lossy',
    held: ['2026-01-02 00:00:00+00', 'infinity'],
    lost: ['2026-01-02 03:04:05+00'],
  },
  {
    types: ['timestamp', 'timestamp(3)'],
    decision: 'lossy',
    held: ['2026-01-02 03:04:05.678', 'infinity'],
    lost: ['2026-01-02 03:04:05.678901'],
  },
  {
    types: ['timestamptz', 'timestamp(3)'],
    decision: 'lossy',
    held: ['2026-01-02 03:04:05.678+00', 'infinity'],
    lost: ['2026-01-02 03:04:05.678901+00'],
  },
  {
    types: ['time', 'time(3)'],
    decision: 'lossy',
    held: ['03:04:05.678', '24:00'],
    lost: ['03:04:05.678901'],
  },
  { types: ['timetz', 'time'], decision: 'lossy', held: ['03:04:05+00', '24:00+00'], lost: ['03:04:05+02'] },
  {
    types: ['interval', 'int8'],
    decision: 'lossy',
    held: ['720:00:00.000001', '-00:00:01'],
    lost: ['1 mon', '30 days'],
    into: 'extract(epoch FROM $::interval) * 1000000',
  },
  {
    types: ['inet', 'cidr'],
    decision: 'lossy',
    held: ['10.0.0.0/8', '::1'],
    lost: ['10.0.0.1/24'],
    into: '$::inet',
  },
  {
    types: ['macaddr8', 'macaddr'],
    decision: 'lossy',
    held: ['08:00:2b:ff:fe:01:02:03', '00:00:00:ff:fe:00:00:00'],
    into: '$::macaddr8::macaddr',
  },
];

export const TYPE_CASES: readonly TypeCase[] = [...LOSSLESS, ...CONVERTED, ...LOSSY];

/** Types that the cases need. */
export const TYPE_CASES_SQL = `CREATE EXTENSION citext; CREATE EXTENSION hstore;
  CREATE TYPE mood AS ENUM ('sad', 'so, so'); CREATE TYPE humour AS ENUM ('sad', 'so, so');
  CREATE TYPE two AS (a int, b text);`;
