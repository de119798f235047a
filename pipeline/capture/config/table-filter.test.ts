import { expect, test } from 'vitest';
import { createTableFilter, inSnapshotOrder } from './table-filter.ts';

const filter = (lists: Partial<Parameters<typeof createTableFilter>[0]>) =>
  createTableFilter({
    schemaInclude: undefined,
    schemaExclude: undefined,
    tableInclude: undefined,
    tableExclude: undefined,
    ...lists,
  });

test('an expression must match schema.table as a whole', () => {
  const captured = filter({ tableInclude: 'public.orders, sales[.].*' });
  expect(captured('public', 'orders')).toBe(true);
  expect(captured('public', 'orders_old')).toBe(false);
  expect(captured('not_public', 'orders')).toBe(false);
  expect(captured('sales', 'anything')).toBe(true);
  expect(captured('PUBLIC', 'Orders')).toBe(true);
});

test('an exclude list leaves tables out; all others are captured, except those of PostgreSQL’s own schemas', () => {
  const captured = filter({ tableExclude: 'public.secret' });
  expect(captured('public', 'secret')).toBe(false);
  expect(captured('public', 'orders')).toBe(true);
  expect(captured('pg_catalog', 'pg_class')).toBe(false);
});

test('lists of schemas and of tables apply together', () => {
  const captured = filter({ schemaInclude: 'public', tableExclude: 'public.secret' });
  expect(captured('public', 'orders')).toBe(true);
  expect(captured('public', 'secret')).toBe(false);
  expect(captured('sales', 'orders')).toBe(false);
});

test('a comma in an expression is escaped', () => {
  const captured = filter({ tableInclude: String.raw`public.a{1\,2}` });
  expect(captured('public', 'aa')).toBe(true);
  expect(captured('public', 'aaa')).toBe(false);
});

test('tables are snapshotted in the order of table.include.list, and by name within an entry', () => {
  const table = (name: string) => ({ schema: 'public', table: name });
  const lists = { schemaInclude: undefined, schemaExclude: undefined, tableExclude: undefined };
  const tables = ['a1', 'a2', 'b', 'c'].map(table);
  const order = (tableInclude: string | undefined) =>
    inSnapshotOrder(tables, { ...lists, tableInclude }).map((t) => t.table);
  expect(order('public.c,public.a.,public.b')).toEqual(['c', 'a1', 'a2', 'b']);
  expect(order(undefined)).toEqual(['a1', 'a2', 'b', 'c']);
});
