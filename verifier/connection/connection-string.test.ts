import pg from 'pg';
import { expect, test } from 'vitest';
import { connectionOptions } from './connection-string.ts';

/** What `pg` makes of a URL. */
function read(url: string) {
  const client = new pg.Client(connectionOptions(url, 'source.url'));
  const { host, port, database, user, password, ssl } = client as pg.Client & { ssl: unknown };
  return { host, port, database, user, password, ssl };
}

test.each(['a@b', 'a+b', 'a/b', 'a%b', 'a b', 'a:b;c=d&e$f,g', 'größe', '%2F', 'a?b#c', '%3F'])(
  'a database with the name %s is opened',
  (name) => {
    expect(read(`postgres://u:p@h:5433/${encodeURIComponent(name)}`)).toMatchObject({
      ...{ host: 'h', port: 5433, database: name, user: 'u', password: 'p' },
    });
  },
);

test('a password with reserved characters reaches the server as it is', () => {
  expect(read(`postgres://u:${encodeURIComponent('p@/?#%+ 1')}@h/d`).password).toBe('p@/?#%+ 1');
});

test('sslmode has the meaning that libpq gives it', () => {
  expect(read('postgres://u@h/d').ssl).toBe(false);
  expect(read('postgres://u@h/d?sslmode=disable').ssl).toBe(false);
  expect(read('postgres://u@h/d?sslmode=require').ssl).toEqual({ rejectUnauthorized: false });
  expect(read('postgres://u@h/d?sslmode=verify-full').ssl).toEqual({});
});

test.each([
  'postgres:///d?host=/var/run/postgresql&user=u&port=5433&sslmode=require',
  'postgres://u@%2Fvar%2Frun%2Fpostgresql:5433/d?sslmode=verify-full&uselibpqcompat=true',
])('%s reaches a Unix socket, which has no TLS', (url) => {
  expect(read(url)).toMatchObject({
    ...{ host: '/var/run/postgresql', port: 5433, database: 'd', user: 'u', ssl: false },
  });
});
