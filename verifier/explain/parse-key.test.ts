import { expect, test } from 'vitest';
import type { Table } from '../observe/source/catalogue.ts';
import { tableId } from '../table-id.ts';
import { parseKey, tableNamed } from './parse-key.ts';

function table(id: string, key: readonly string[]): Table {
  const [schema = '', name = ''] = id.split('.');
  const columns = [...key, 'name'].map((column, i) => ({
    name: column,
    type: 'text',
    kind: 'b',
    cast: 'text',
    notNull: true,
    hasDefault: false,
    keyRank: i < key.length ? i + 1 : 0,
    hashesBytes: true,
  }));
  return {
    schema,
    name,
    id,
    columns,
    key: columns.slice(0, key.length),
    estimatedRows: 0,
    canSelect: true,
    only: false,
    generated: [],
  };
}

const tables = new Map(
  ['public.customers', 'public.orders', 'old.orders'].map((id) => [id, table(id, ['id'])] as const),
);

test('a table is found by its name, or by schema and name', () => {
  expect(tableNamed('customers', tables).id).toBe('public.customers');
  expect(tableNamed('old.orders', tables).id).toBe('old.orders');
});

test('"a.b".c and a."b.c" are named by quoting', () => {
  const named = new Map(
    [
      { schema: 'a.b', name: 'c' },
      { schema: 'a', name: 'b.c' },
    ].map((own) => [tableId(own), { ...table('', ['id']), ...own, id: tableId(own) }] as const),
  );
  expect(tableNamed('"a.b".c', named)).toMatchObject({ schema: 'a.b', name: 'c' });
  expect(tableNamed('a."b.c"', named)).toMatchObject({ schema: 'a', name: 'b.c' });
  expect(tableNamed('"b.c"', named)).toMatchObject({ schema: 'a', name: 'b.c' });
  expect(() => tableNamed('a.b.c', named)).toThrow('no table "a.b.c"');
});

test('a name that no table has, or several have, is refused, and the nearest name is suggested', () => {
  expect(() => tableNamed('custmers', tables)).toThrow(
    'There is no table "custmers". Did you mean "customers"?',
  );
  expect(() => tableNamed('orders', tables)).toThrow('Several schemas have a table "orders".');
});

test.each([
  ['7', ['id'], { id: '7' }],
  ['id=7', ['id'], { id: '7' }],
  ['a=b', ['id'], { id: 'a=b' }],
  ['a=1,b=x', ['a', 'b'], { a: '1', b: 'x' }],
  ['b=x=y,a=1', ['a', 'b'], { a: '1', b: 'x=y' }],
  ['a=1\\,2,b=\\\\', ['a', 'b'], { a: '1,2', b: '\\' }],
  ['a=,b=x', ['a', 'b'], { a: '', b: 'x' }],
  ['"a,b"=1,"c=d"=2,"e""f"=3', ['a,b', 'c=d', 'e"f'], { 'a,b': '1', 'c=d': '2', 'e"f': '3' }],
  ['"a"=1,b="x"', ['a', 'b'], { a: '1', b: '"x"' }],
  ['"a=b"=7', ['a=b'], { 'a=b': '7' }],
  ['a=b=7', ['a=b'], { 'a=b': '7' }],
  ['"x"=7', ['id'], { id: '"x"=7' }],
  ['7,8', ['a,b'], { 'a,b': '7,8' }],
])('%s is a key of %j', (text, key, parsed) => {
  expect(parseKey(text, table('public.t', key))).toEqual(parsed);
});

test.each([
  ['name=x', ['id'], '"name" is not the key column of public.t.'],
  ['1', ['a', 'b'], '"1" is not a key column of public.t.'],
  ['a=1', ['a', 'b'], 'The key of public.t lacks b.'],
  ['"name"=x', ['id'], '"name" is not the key column of public.t.'],
  ['a=1,a=2', ['a', 'b'], 'The key column a is given twice.'],
  ['a,b=1', ['a,b', 'c'], '"a" is not a key column of public.t.'],
  ['1', [], 'public.t has no primary key.'],
])('%s is not a key of %j', (text, key, said) => {
  expect(() => parseKey(text, table('public.t', key))).toThrow(said);
});

test('a refusal says how the key is written, with quotes where a column needs them', () => {
  const remedy = 'Give "a,b"=…,c=….';
  expect(() => parseKey('c=1', table('public.t', ['a,b', 'c']))).toThrow(expect.objectContaining({ remedy }));
});
