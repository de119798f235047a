import { expect, test } from 'vitest';
import { blockerText } from './slot-blockers.ts';

const SESSION = {
  pid: 7,
  gid: null,
  database: 'app',
  state: 'idle in transaction',
  application: 'psql',
  age: '12.34',
  query: "UPDATE  t\n SET name = 'O''Hara' WHERE id = 1",
};

test('a session is named with pid, database, age and its query, whose strings are left out', () => {
  expect(blockerText(SESSION)).toBe(
    "pid 7 in database app (psql, idle in transaction), open for 12.3 s: UPDATE t SET name = '…' WHERE id = 1",
  );
});

test('a login that may not see the query sees the rest', () => {
  const own = { ...SESSION, query: null, state: null, application: '' };
  expect(blockerText(own)).toBe('pid 7 in database app, open for 12.3 s');
});

test('a prepared transaction is named by its gid', () => {
  const own = {
    ...SESSION,
    pid: null,
    gid: 'order-17',
    state: null,
    application: null,
    query: null,
    age: '3',
  };
  expect(blockerText(own)).toBe('prepared transaction order-17 in database app, prepared for 3 s');
});

test('a long query is shortened', () => {
  const text = blockerText({ ...SESSION, query: `SELECT ${'x'.repeat(300)}` });
  expect(text.length).toBeLessThan(200);
  expect(text).toMatch(/…$/);
});
