import { expect, test } from 'vitest';
import { readCatalogue, type Table } from '../observe/source/catalogue.ts';
import { compare, found } from '../testing/compare.ts';
import { databasePair } from '../testing/databases.ts';
import { pairTables } from './table-pair.ts';

/** A type, and two of its values that must differ, though one of PostgreSQL's hash functions may not distinguish them. */
const PAIRS: readonly (readonly [type: string, one: string, other: string])[] = [
  ['bool', 'true', 'false'],
  ['smallint', '1', '-1'],
  ['int', '1', '-2147483648'],
  // hashint8 folds the high word into the low one.
  ['bigint', '-1', '4294967295'],
  ['bigint', '1', '4294967296'],
  ['bigint', '0', '-9223372036854775808'],
  // The folded word and the high word are swapped.
  ['bigint', String((3n << 32n) + 6n), String((5n << 32n) + 6n)],
  // The folded word and the high word are equal.
  ['bigint', String(1n << 32n), String(2n << 32n)],
  ['numeric', '1.0', '1.00'],
  ['numeric', '5', '-5'],
  ['numeric', '1', '10000'],
  ['numeric', '0', 'NaN'],
  ['numeric(12,2)', '0.01', '0.10'],
  ['numeric(12,2)', '5', '-5'],
  ['numeric(12,2)', '1', '10000'],
  ['numeric(12,2)', '0', 'NaN'],
  ['numeric(12,2)', 'NULL', 'NaN'],
  ['float8', '0', '-0'],
  ['float8', '0.1', '0.10000000000000002'],
  ['float8', 'NaN', 'Infinity'],
  ['real', '0', '-0'],
  ['real', '0.1', '0.100000009'],
  ['text', '', 'NULL'],
  ['text', 'a', 'A'],
  ['text', 'é', 'e\u0301'],
  ['varchar(9)', 'x', 'x '],
  ['char(5)', 'x', 'X'],
  ['"char"', 'a', 'b'],
  ['name', 'a', 'b'],
  ['citext', 'straße', 'STRASSE'],
  ['citext', 'a', 'A'],
  ['uuid', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000003'],
  ['mood', 'sad', 'so, so'],
  ['bytea', '\\x00', '\\x0000'],
  ['timestamptz', '2026-01-01 00:00:00Z', '2026-01-01 00:00:00.000001Z'],
  ['timestamptz', '2026-01-01 00:00:00Z', '2026-01-01 01:11:34.967296Z'],
  ['timestamptz', '1999-12-31 23:59:59.999999Z', '2000-01-01 01:11:34.967295Z'],
  ['timestamptz', 'infinity', '-infinity'],
  ['timestamptz', '0044-03-15 12:00Z', '0044-03-15 12:00Z BC'],
  ['timestamp', '2026-01-01 00:00', '2026-01-01 00:00:00.000001'],
  ['timestamp', '2026-01-01 00:00', '2026-01-01 01:11:34.967296'],
  ['timestamp', 'infinity', '294276-12-31 23:59:59.999999'],
  ['timestamp', '0044-03-15', '0044-03-15 BC'],
  ['date', '2026-01-01', '2026-01-02'],
  ['date', 'infinity', '-infinity'],
  ['time', '00:00', '24:00'],
  ['time', '00:00', '00:00:00.000001'],
  ['timetz', '12:00+00', '13:00+01'],
  ['interval', '1 mon', '30 days'],
  ['interval', '1 day', '24:00'],
  ['json', '{"a":1}', '{"a": 1}'],
  ['jsonb', '1.0', '1.00'],
  ['jsonb', 'null', 'NULL'],
  ['text[]', '{a,b}', '{"a,b"}'],
  ['text[]', '{NULL}', '{"NULL"}'],
  ['int[]', '[0:1]={1,2}', '{1,2}'],
  ['int4range', '[1,3)', '[1,4)'],
  ['inet', '10.0.0.1/24', '10.0.0.1/25'],
  ['money', '1', '-1'],
  ['xml', '<a/>', '<a></a>'],
  ['two', 'NULL', '(,)'],
  ['cents', '1.0', '1.00'],
];

const TYPES = `CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('sad', 'so, so');
  CREATE TYPE two AS (a int, b text); CREATE DOMAIN cents AS numeric;`;

const sql = (value: string): string => (value === 'NULL' ? 'NULL' : `'${value}'`);

/** As on a server before PostgreSQL 18, which cannot hash bytea. */
const withoutBytes = (copy: Table): Table => ({
  ...copy,
  columns: copy.columns.map((column) => ({ ...column, hashesBytes: false })),
});
const SINKS = [
  ['18', (copy: Table) => copy],
  ['17', withoutBytes],
] as const;

test.each(SINKS)(
  'values that print differently are distinguished in every type, and the column is named, beside a PostgreSQL %s',
  async (_, asSink) => {
    await using pair = await databasePair();
    const columns = PAIRS.map(([type], i) => `c${i} ${type}`).join(', ');
    const all = PAIRS.map(([, one], i) => `INSERT INTO items (id, c${i}) VALUES (${i}, ${sql(one)});`).join(
      '',
    );
    await pair.onBoth(`${TYPES} CREATE TABLE items (id int PRIMARY KEY, ${columns}); ${all}`);
    expect(found(await compare(pair, 'items', asSink))).toEqual({});
    const change = PAIRS.map(([, , other], i) => `UPDATE items SET c${i} = ${sql(other)} WHERE id = ${i};`);
    await pair.onSink(change.join(''));
    const comparison = await compare(pair, 'items', asSink);
    const named = comparison.wrong.map(({ keyText, columns: wrong }) => `${keyText} ${wrong.join()}`);
    expect(named.sort()).toEqual(PAIRS.map((_, i) => `["${i}"] c${i}`).sort());
  },
);

test.each([
  ['the values of two text columns are swapped', `'p', 'q', 1, 2`, `'q', 'p', 1, 2`],
  ['the values of two number columns are swapped', `'p', 'q', 1, 2`, `'p', 'q', 2, 1`],
  ['a character moves to the next column', `'ab', 'c', 1, 2`, `'a', 'bc', 1, 2`],
  ['NULL moves to the next column', `NULL, 'a', 1, 2`, `'a', NULL, 1, 2`],
  ['NULL and an empty text are swapped', `NULL, '', 1, 2`, `'', NULL, 1, 2`],
  ['two equal texts change in the same way', `'x', 'x', 1, 2`, `'y', 'y', 1, 2`],
  ['two equal numbers become NULL', `'x', 'x', 5, 5`, `'x', 'x', NULL, NULL`],
])('a row differs when %s', async (_, ours, theirs) => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (id int PRIMARY KEY, a text, b text, n bigint, m bigint)');
  await pair.onSource(`INSERT INTO items VALUES (1, ${ours})`);
  await pair.onSink(`INSERT INTO items VALUES (1, ${theirs})`);
  expect(found(await compare(pair))).toEqual({ corrupted: 1 });
});

test.each([
  ['lose their decimal points', '1.2345, 6.7891', '12345, 67891'],
  ['are swapped, and are powers of ten', '1, 10000', '10000, 1'],
  ['lose their signs', '-1.5, -2.5', '1.5, 2.5'],
])('a row differs when two numbers of its key or of its other columns %s', async (_, ours, theirs) => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE items (id int PRIMARY KEY, a numeric(14,4), b numeric(14,4));
    CREATE TABLE keys (a numeric(14,4), b numeric(14,4), PRIMARY KEY (a, b))`);
  await pair.onSource(`INSERT INTO items VALUES (1, ${ours}); INSERT INTO keys VALUES (${ours})`);
  await pair.onSink(`INSERT INTO items VALUES (1, ${theirs}); INSERT INTO keys VALUES (${theirs})`);
  expect(found(await compare(pair))).toEqual({ corrupted: 1 });
  expect(found(await compare(pair, 'keys'))).toEqual({ missing: 1, extra: 1 });
});

test('a swap between two rows, or the same change in both, alters the sum of their hashes', async () => {
  await using pair = await databasePair();
  await pair.onBoth(`CREATE TABLE items (id int PRIMARY KEY, v text, w bigint);
    INSERT INTO items SELECT i, 'v' || i / 2 * 2, i FROM generate_series(0, 399) i`);
  const tables = await readCatalogue(pair.source);
  const items = tables.get('public.items');
  if (items === undefined) throw new Error('no table');
  const { rowHash } = pairTables(items, items).sides.source;
  const sums = (id: string) =>
    `SELECT sum(${rowHash})::text AS sum FROM public.items AS compared GROUP BY ${id} ORDER BY ${id}`;
  // Rows 2n and 2n+1 have the same text, and both get another. Later, rows n and 399-n swap their numbers.
  await pair.onSink(`UPDATE items SET v = 'other' || id / 2`);
  const differ = async (id: string): Promise<void> => {
    const [ours, theirs] = [await pair.source.query(sums(id)), await pair.sink.query(sums(id))];
    expect(ours).toHaveLength(200);
    for (const [i, row] of ours.entries()) expect(row.sum).not.toBe(theirs[i]?.sum);
  };
  await differ('id / 2');
  await pair.onSink(`UPDATE items SET v = 'v' || id / 2 * 2, w = 399 - id`);
  await differ('least(id, 399 - id)');
});

/** An SQL value of each type, from a random integer `n`. There are few integers, so that some values are equal. */
const RANDOM: Readonly<Record<string, string>> = {
  bool: 'n % 2 = 0',
  int2: 'n::int2',
  int4: 'n - 20',
  int8: '((n % 5) - 2) * 4294967296 + n % 7',
  numeric: '((n - 20) / 4.0)::numeric(9, 3)',
  'numeric(20,4)': '(n - 20) * 2500',
  float8: 'n / 7.0::float8 - 2',
  float4: '(n / 7.0 - 2)::real',
  text: `repeat('ü,', n % 4) || n`,
  varchar: `'v' || n`,
  'char(4)': 'n::text',
  uuid: 'md5(n::text)::uuid',
  bytea: `decode(repeat('00', n % 40), 'hex')`,
  timestamptz: `'1999-12-31 23:59:59Z'::timestamptz + n * interval '100 years 0.000001 s'`,
  timestamp: `'0001-01-01'::timestamp - n * interval '4294.967296 s'`,
  date: `'2000-01-01'::date - n * 10000`,
  time: `'12:00'::time + n * interval '1 us'`,
  interval: `n * interval '1 mon -30 days 0.5 s'`,
  jsonb: 'jsonb_build_array(n, n / 2.0)',
  json: `('[' || repeat(' ', n) || ']')::json`,
  'text[]': `ARRAY[repeat(',', n % 5), NULL, n::text]`,
  mood: `(ARRAY['sad', 'so, so'])[1 + n % 2]::mood`,
};
const TABLES = 20;
const ROWS = 40;

/** Pseudo-random integers from 0 up to a bound, the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('in random tables with one random change, exactly the changed row and column are found', async () => {
  await using pair = await databasePair();
  await pair.onBoth(TYPES);
  const random = numbers(42);
  const names = Object.keys(RANDOM);
  for (let n = 0; n < TABLES; n++) {
    const types = Array.from({ length: 1 + random(8) }, () => names[random(names.length)] ?? 'text');
    const value = (type: string): string =>
      random(8) === 0 ? 'NULL' : `(SELECT ${RANDOM[type]} FROM (SELECT ${random(40)} AS n) one)`;
    const rows = Array.from({ length: ROWS }, (_, id) => `(${[id, ...types.map(value)].join(', ')})`);
    const table = `items${n}`;
    await pair.onBoth(`SET TIME ZONE 'UTC';
      CREATE TABLE ${table} (id int PRIMARY KEY, ${types.map((type, i) => `c${i} ${type}`).join(', ')});
      INSERT INTO ${table} VALUES ${rows.join(', ')}`);
    expect(found(await compare(pair, table))).toEqual({});
    const [column, id] = [random(types.length), random(ROWS)];
    const before = (await pair.sink.one(`SELECT c${column}::text AS v FROM public.${table} WHERE id = ${id}`))
      .v;
    const same = async (): Promise<boolean> => {
      await pair.onSink(`UPDATE ${table} SET c${column} = ${value(types[column] ?? '')} WHERE id = ${id}`);
      const now = await pair.sink.one(`SELECT c${column}::text AS v FROM public.${table} WHERE id = ${id}`);
      return now.v === before;
    };
    while (await same());
    const { wrong } = await compare(pair, table);
    const named = wrong.map(({ keyText, columns }) => ({ keyText, columns }));
    expect(named, `${types[column]} of ${table}`).toEqual([
      { keyText: `["${id}"]`, columns: [`c${column}`] },
    ]);
  }
});
