import { expect, test } from 'vitest';
import { readMessage } from '../exact/test-decoding.ts';
import { ChangedKeys } from './changed-keys.ts';

const table = (id: string, leaves: readonly string[]) => ({ id, key: ['id'], leaves, rows: 5 });

test('a row that two tables hold is a changed key of both', () => {
  const changed = new ChangedKeys(
    [table('public.a', ['public.a', 'public.b']), table('public.b', ['public.b'])],
    100,
  );
  changed.add(readMessage('table public.b: DELETE: id[integer]:7'));
  expect([changed.rowsOf('public.a'), changed.rowsOf('public.b')]).toEqual([4, 4]);
  const { keys } = changed.take();
  expect([...keys].map(([id, own]) => [id, [...own]])).toEqual([
    ['public.a', ['["7"]']],
    ['public.b', ['["7"]']],
  ]);
  changed.add(readMessage('table public.b: TRUNCATE: (no-flags)'));
  expect([...changed.take().lost.keys()]).toEqual(['public.a', 'public.b']);
});

test('of many transactions, only those that a snapshot hides are kept', () => {
  const changed = new ChangedKeys([], 100);
  for (let xid = 1; xid <= 10_000; xid++) changed.add({ tag: 'begin', xid: String(xid) });
  expect(changed.hasManyXids).toBe(false);
  changed.add({ tag: 'begin', xid: '10001' });
  expect(changed.hasManyXids).toBe(true);
  changed.dropVisible('7:10001:7');
  expect(changed.hasManyXids).toBe(false);
  expect([...changed.take().xids]).toEqual(['7', '10001']);
});
