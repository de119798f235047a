import { expect, test } from 'vitest';
import type { Column, Table } from '../observe/source/catalogue.ts';
import type { Relation } from './relations.ts';
import { readMessage, UNCHANGED } from './test-decoding.ts';
import { TooMuchTouched, Touched } from './touched.ts';

function table(name: string, columns: string[], key: string[]): Table {
  const all = columns.map(
    (column): Column => ({
      name: column,
      type: 'text',
      kind: 'b',
      cast: 'text',
      notNull: false,
      hasDefault: false,
      keyRank: key.indexOf(column) + 1,
      hashesBytes: true,
    }),
  );
  return {
    schema: 'public',
    name,
    id: `public.${name}`,
    columns: all,
    key: all.filter((column) => column.keyRank > 0).sort((a, b) => a.keyRank - b.keyRank),
    estimatedRows: 1,
    canSelect: true,
    only: false,
    generated: [],
  };
}

const ITEMS = table('items', ['id', 'name', 'body'], ['id']);
const LIMITS = { keys: 100, bytes: 10_000 };

function relation(identity = 'd', identityColumns = ['id'], id = 'public.items'): Relation {
  return { fingerprint: '', leaves: [{ id, identity, identityColumns }] };
}

function touchedBy(lines: readonly string[], own = ITEMS, state = relation(), limits = LIMITS): Touched {
  const touched = new Touched([own], new Map([[own.id, state]]), limits);
  for (const line of lines) touched.add(readMessage(`table ${state.leaves[0]?.id}: ${line}`), line.length);
  return touched;
}

function valuesOf(touched: Touched, key: string): unknown {
  return touched.tables
    .get('public.items')
    ?.get(JSON.stringify([key]))
    ?.map((version) => version?.values ?? null);
}

test('every version of a key is kept in the order of commits, and so is its delete', () => {
  const touched = touchedBy([
    "INSERT: id[text]:'1' name[text]:'a' body[text]:null",
    "UPDATE: id[text]:'1' name[text]:'b' body[text]:'x'",
    "DELETE: id[text]:'1'",
  ]);
  expect(valuesOf(touched, '1')).toEqual([['1', 'a', null], ['1', 'b', 'x'], null]);
  expect(touched.keys).toBe(1);
});

test('a change of the key touches both keys', () => {
  const line = "UPDATE: old-key: id[text]:'1' new-tuple: id[text]:'2' name[text]:'a' body[text]:'x'";
  const touched = touchedBy([line]);
  expect(valuesOf(touched, '1')).toEqual([null]);
  expect(valuesOf(touched, '2')).toEqual([['2', 'a', 'x']]);
});

test('an unchanged TOAST value comes from the version before, from the old row, or is left to the snapshot', () => {
  const kept = 'unchanged-toast-datum';
  const first = touchedBy([
    "UPDATE: id[text]:'1' name[text]:'a' body[text]:'long'",
    `UPDATE: old-key: id[text]:'1' new-tuple: id[text]:'2' name[text]:'b' body[text]:${kept}`,
  ]);
  expect(valuesOf(first, '2')).toEqual([['2', 'b', 'long']]);
  const full = touchedBy(
    [
      `UPDATE: old-key: id[text]:'1' name[text]:'a' body[text]:'old' new-tuple: id[text]:'1' name[text]:'b' body[text]:${kept}`,
    ],
    ITEMS,
    relation('f'),
  );
  expect(valuesOf(full, '1')).toEqual([['1', 'b', 'old']]);
  const open = touchedBy([
    `UPDATE: old-key: id[text]:'1' new-tuple: id[text]:'2' name[text]:'b' body[text]:${kept}`,
    `UPDATE: id[text]:'2' name[text]:'c' body[text]:${kept}`,
  ]);
  expect(valuesOf(open, '2')).toEqual([
    ['2', 'b', UNCHANGED],
    ['2', 'c', UNCHANGED],
  ]);
  const versions = open.tables.get('public.items')?.get('["2"]') ?? [];
  expect(versions.map((version) => version?.base)).toEqual(['["1"]', '["1"]']);
});

test('a NULL is not mistaken for an unchanged TOAST value', () => {
  const touched = touchedBy([
    "UPDATE: id[text]:'1' name[text]:null body[text]:'x'",
    "UPDATE: id[text]:'1' name[text]:unchanged-toast-datum body[text]:'y'",
  ]);
  expect(valuesOf(touched, '1')).toEqual([
    ['1', null, 'x'],
    ['1', null, 'y'],
  ]);
});

test('a table about which the stream is incomplete is reported, with the reason', () => {
  const write = "UPDATE: id[text]:'1' name[text]:'a' body[text]:null";
  const reason = (touched: Touched) => touched.problems.get('public.items');
  expect(reason(touchedBy(['TRUNCATE: (no-flags)']))).toMatch(/truncated/);
  expect(reason(touchedBy([write], table('items', ['id', 'name', 'body'], [])))).toMatch(/no primary key/);
  expect(reason(touchedBy([write], ITEMS, relation('n', [])))).toMatch(/replica identity/);
  expect(reason(touchedBy([write], ITEMS, relation('i', ['name'])))).toMatch(/replica identity/);
  expect(reason(touchedBy([write], ITEMS, relation('i', ['name', 'id'])))).toBeUndefined();
  expect(reason(touchedBy(["INSERT: id[text]:'1' name[text]:'a'"]))).toMatch(/columns/);
  expect(reason(touchedBy(['DELETE: (no-tuple-data)']))).toMatch(/no key/);
});

test('changes of a partition count for its root, and changes of other tables do not count', () => {
  const state = relation('d', ['id'], 'parts.items_1');
  expect(touchedBy(["DELETE: id[text]:'1'"], ITEMS, state).tables.get('public.items')?.size).toBe(1);
  const touched = touchedBy([]);
  touched.add(readMessage("table public.others: DELETE: id[text]:'1'"), 30);
  expect(touched.keys).toBe(0);
});

test('a table or column that was not given is noticed', () => {
  const isUnknown = (line: string): boolean => {
    const touched = touchedBy([]);
    touched.add(readMessage(line), line.length);
    return touched.sawUnknown;
  };
  const known = "id[text]:'1' name[text]:'a' body[text]:null";
  expect(isUnknown("table public.others: DELETE: id[text]:'1'")).toBe(true);
  expect(isUnknown('table public.items, public.others: TRUNCATE: (no-flags)')).toBe(true);
  expect(isUnknown(`table public.items: INSERT: ${known} more[text]:'x'`)).toBe(true);
  expect(isUnknown(`table public.items: INSERT: ${known}`)).toBe(false);
  expect(isUnknown('table public.items: TRUNCATE: (no-flags)')).toBe(false);
});

test('a key that must be judged once more counts once', () => {
  const touched = touchedBy(["DELETE: id[text]:'1'"]);
  touched.again('public.items', '["1"]');
  touched.again('public.items', '["2"]');
  expect([touched.keys, [...(touched.tables.get('public.items')?.keys() ?? [])]]).toEqual([
    2,
    ['["1"]', '["2"]'],
  ]);
});

test('memory is bounded by keys and by bytes', () => {
  const deletes = ["DELETE: id[text]:'1'", "DELETE: id[text]:'2'"];
  expect(() => touchedBy(deletes, ITEMS, relation(), { keys: 1, bytes: 1_000 })).toThrow(TooMuchTouched);
  expect(() => touchedBy(deletes, ITEMS, relation(), { keys: 9, bytes: 30 })).toThrow(TooMuchTouched);
});
