import { expect, test } from 'vitest';
import { readCatalogue } from '../../observe/source/catalogue.ts';
import { compare, found } from '../../testing/compare.ts';
import { type DatabasePair, databasePair } from '../../testing/databases.ts';
import { pairColumns } from '../column-pair.ts';
import { TYPE_CASES, TYPE_CASES_SQL, type TypeCase } from './type-cases.ts';

const sql = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** The source's value, and the sink's, made of what the source prints for a value. */
const atSource = ({ types: [own] }: TypeCase, value: string): string => `${sql(value)}::${own}`;
function inSink(one: TypeCase, value: string): string {
  const [own, copy] = one.types;
  const text = `concat(${sql(value)}::${own})`;
  return `(${(one.into ?? '$').replaceAll('$', () => text)})::${copy}`;
}

/** One table with a column for each case. Row `n` has the n-th value of each, from the first again where there are no more. */
async function fill(
  pair: DatabasePair,
  cases: readonly TypeCase[],
  name: string,
  rows: number,
  values: (one: TypeCase, row: number) => readonly [ours: string, theirs: string],
): Promise<void> {
  const columns = (side: 0 | 1) => cases.map((one, i) => `c${i} ${one.types[side]}`).join(', ');
  const all = (side: 0 | 1) =>
    Array.from({ length: rows }, (_, row) => {
      const own = cases.map((one) => (side === 0 ? atSource : inSink)(one, values(one, row)[side]));
      return `(${[row, ...own].join(', ')})`;
    }).join(', ');
  const create = (side: 0 | 1) => `SET TIME ZONE 'UTC'; SET IntervalStyle = 'postgres';
    CREATE TABLE ${name} (id int PRIMARY KEY, ${columns(side)}); INSERT INTO ${name} VALUES ${all(side)}`;
  await pair.onSource(create(0));
  await pair.onSink(create(1));
}

const nth = (values: readonly string[], n: number): string => values[n % values.length] ?? '';
const label = ({ types, into }: TypeCase): string =>
  `${types.join(' > ')}${into === undefined ? '' : ` by ${into}`}`;

/** For each row that is wrong, the cases whose columns differ. */
function differing(
  cases: readonly TypeCase[],
  wrong: Awaited<ReturnType<typeof compare>>['wrong'],
): string[] {
  return wrong.flatMap(({ keyText, columns }) =>
    columns.map((column) => `${keyText} ${label(cases[Number(column.slice(1))] as TypeCase)}`),
  );
}

async function pairs(): Promise<DatabasePair> {
  const pair = await databasePair();
  await pair.onBoth(TYPE_CASES_SQL);
  return pair;
}

test('each pair of types is decided as declared', async () => {
  await using pair = await pairs();
  await fill(pair, TYPE_CASES, 'items', 1, ({ held }) => [nth(held, 0), nth(held, 0)]);
  const [ours, theirs] = [await readCatalogue(pair.source), await readCatalogue(pair.sink)];
  const columns = ours.get('public.items')?.columns ?? [];
  const decided = pairColumns(columns, theirs.get('public.items')?.columns ?? []).slice(1);
  const name = (one: TypeCase, decision: string) => `${label(one)}: ${decision}`;
  expect(decided.map(({ types }, i) => name(TYPE_CASES[i] as TypeCase, types))).toEqual(
    TYPE_CASES.map((one) => name(one, one.decision)),
  );
});

test('values that the other type holds are equal, and each changed value is found', async () => {
  await using pair = await pairs();
  const rows = Math.max(...TYPE_CASES.map(({ held }) => held.length));
  await fill(pair, TYPE_CASES, 'items', rows, ({ held }, row) => [nth(held, row), nth(held, row)]);
  const same = await compare(pair);
  expect(differing(TYPE_CASES, same.wrong)).toEqual([]);
  expect(found(same)).toEqual({});
  await fill(pair, TYPE_CASES, 'changed', rows, ({ held }, row) => [nth(held, row), nth(held, row + 1)]);
  const all = Array.from({ length: rows }, (_, row) =>
    TYPE_CASES.map((one) => `["${row}"] ${label(one)}`),
  ).flat();
  const { wrong } = await compare(pair, 'changed');
  expect(differing(TYPE_CASES, wrong).sort()).toEqual(all.sort());
});

test('NULL differs from every value of another type', async () => {
  await using pair = await pairs();
  await fill(pair, TYPE_CASES, 'items', 1, ({ held }) => [nth(held, 0), nth(held, 0)]);
  await pair.onSink(`UPDATE items SET ${TYPE_CASES.map((_, i) => `c${i} = NULL`).join(', ')}`);
  const { wrong } = await compare(pair);
  expect(differing(TYPE_CASES, wrong)).toEqual(TYPE_CASES.map((one) => `["0"] ${label(one)}`));
});

test('a value that lost something in a lossy type is found', async () => {
  await using pair = await pairs();
  const lossy = TYPE_CASES.filter(({ lost }) => lost !== undefined);
  const rows = Math.max(...lossy.map(({ lost = [] }) => lost.length));
  await fill(pair, lossy, 'items', rows, ({ lost = [] }, row) => [nth(lost, row), nth(lost, row)]);
  const all = Array.from({ length: rows }, (_, row) => lossy.map((one) => `["${row}"] ${label(one)}`)).flat();
  const { wrong } = await compare(pair);
  expect(differing(lossy, wrong).sort()).toEqual(all.sort());
});
