import { expect, test } from 'vitest';
import { isBaseUrl, queryProblem } from './postgres-url.ts';

test.each([
  'postgres://u@h/d',
  'postgres://u@h/d?sslmode=verify-full&sslrootcert=ca.pem&application_name=x',
  'postgres://u@h/d?sslrootcert=ca.pem',
  'postgres://u@h/a%3Fb%23c',
  'postgres://u@h/d?uselibpqcompat=true&sslmode=require',
  '/var/run/postgresql shop',
])('%s is followed', (url) => {
  expect(queryProblem(url)).toBeNull();
});

test.each([
  ['sslmod=verify-full', /"sslmod".*not supported.*Did you mean "sslmode"/],
  ['ssl=true', /"ssl".*Write sslmode=verify-full/],
  ['connect_timeout=3', /"connect_timeout".*not supported/],
  ['sslmode=prefer', /falls back to plain text/],
  ['sslmode=allow', /falls back to plain text/],
  ['sslmode=verfy-full', /sslmode is one of.*not "verfy-full"/],
  ['sslmode=bogus', /sslmode is one of disable, require, verify-ca, verify-full, not "bogus"/],
  ['sslmode=verify-full&sslmode=disable', /"sslmode".*twice/],
  ['sslmode=verify-ca', /verify-ca needs sslrootcert/],
  ['sslmode=disable&sslrootcert=ca.pem', /would ignore sslrootcert/],
])('?%s is refused in one sentence', (query, sentence) => {
  expect(queryProblem(`postgres://u:secret@h/d?${query}`)).toMatch(sentence);
  expect(queryProblem(`postgres://u:secret@h/d?${query}`)).not.toContain('secret');
});

test('a base URL has no query part, which would be dropped', () => {
  expect([isBaseUrl('https://h/connect'), isBaseUrl('https://h/?a=b'), isBaseUrl('https://h/#a')]).toEqual([
    true,
    false,
    false,
  ]);
});
