import { AuthenticationError, NetworkError } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { LabError } from '../contract/errors.ts';
import { explain, finalError, isTransient } from './failure.ts';

/** An error as `pg` makes it from PostgreSQL's answer. */
const ofServer = (code: string, message: string, more: object = {}) =>
  Object.assign(new Error(message), { severity: 'ERROR', code, ...more });

test.each([
  [Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }), 'CDC-1204'],
  [new Error('The replication connection was closed.'), 'CDC-1204'],
  [ofServer('53300', 'sorry, too many clients already'), 'CDC-1204'],
  [ofServer('42P01', 'relation "x" does not exist'), 'CDC-1205'],
  [ofServer('42704', 'publication "p" does not exist'), 'CDC-1116'],
  [new NetworkError('no answer'), 'CDC-1042'],
  [new AuthenticationError('no'), 'CDC-1043'],
])('a task that ends with %s says so under %s, with a remedy', (error, code) => {
  expect(finalError(explain(error, 'reader'), 3)).toMatchObject({
    code,
    cause: error,
    remedy: expect.stringMatching(/\w{3}/),
  });
});

test('what PostgreSQL adds is in the remedy', () => {
  const error = ofServer('42939', 'no', { detail: 'It is reserved.', hint: 'Choose another.' });
  expect(finalError(error, 1)).toMatchObject({
    remedy: expect.stringMatching(/^It is reserved\. Choose another\. Correct/),
  });
});

test('an error of this program keeps its stack, and one with a code stays as it is', () => {
  const bug = new TypeError('x is undefined');
  expect(finalError(bug, 1)).toBe(bug);
  const known = new LabError('CDC-1100', 'a', { remedy: 'b' });
  expect(finalError(known, 1)).toBe(known);
});

test('a refused certificate ends the task at once, with what to change', () => {
  const refused = explain(Object.assign(new Error('no'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'reader');
  expect(refused).toMatchObject({ code: 'CDC-1203', remedy: expect.stringContaining('database.sslmode') });
  expect(isTransient(refused)).toBe(false);
});

test('a right that is missing is named, with the role that lacks it', () => {
  const detail = 'Only roles with the REPLICATION attribute may start a WAL sender process.';
  const denied = explain(ofServer('42501', 'permission denied to start WAL sender', { detail }), 'reader');
  expect(denied).toMatchObject({
    code: 'CDC-1201',
    message: `The source denied permission to the role "reader": permission denied to start WAL sender. ${detail}`,
  });
  expect(isTransient(denied)).toBe(false);
});
