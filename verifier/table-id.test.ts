import { expect, test } from 'vitest';
import { identifiersOf, parseTable, splitUnquoted, type TableName, tableId } from './table-id.ts';

const HOSTILE = [
  'a',
  'a.b',
  'b.c',
  '.',
  '"',
  'a"b',
  '"a"',
  'a,b',
  'a=b',
  'Orders',
  ' a ',
  'größe',
  'x\ny',
  '1st',
];

test('usual names are written without quotes, and others as PostgreSQL quotes them', () => {
  expect(tableId({ schema: 'public', name: 'orders_2' })).toBe('public.orders_2');
  expect(tableId({ schema: 'a.b', name: 'c' })).toBe('"a.b".c');
  expect(tableId({ schema: 'a', name: 'b.c' })).toBe('a."b.c"');
  expect(tableId({ schema: 'public', name: 'Say "hi"' })).toBe('public."Say ""hi"""');
});

test('no two tables have the same id, and every id is parsed to its table', () => {
  const names = HOSTILE.flatMap((schema) => HOSTILE.map((name): TableName => ({ schema, name })));
  expect(new Set(names.map(tableId)).size).toBe(names.length);
  for (const name of names) expect(parseTable(tableId(name))).toEqual(name);
});

test('an identifier without quotes keeps its case; a table without schema is in the default one', () => {
  expect(parseTable('Sales.Items')).toEqual({ schema: 'Sales', name: 'Items' });
  expect(parseTable(' "a.b" ')).toEqual({ schema: 'public', name: 'a.b' });
  expect(parseTable('orders', 'archive')).toEqual({ schema: 'archive', name: 'orders' });
  expect(identifiersOf('a."b.c"."d=e"')).toEqual(['a', 'b.c', 'd=e']);
});

test.each(['', 'a.', '.a', 'a..b', 'a.b.c', '"a', 'a"b', '"a"b.c', '""', '"".a', 'a."b"c"'])(
  '%j is not a table’s name',
  (text) => {
    expect(parseTable(text)).toBeUndefined();
  },
);

test('a separator inside quotes does not split', () => {
  expect(splitUnquoted('a,"b,c",d."e""f,g"', ',')).toEqual(['a', '"b,c"', 'd."e""f,g"']);
  expect(splitUnquoted('"a=b"=c', '=')).toEqual(['"a=b"', 'c']);
});
