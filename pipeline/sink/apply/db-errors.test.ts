import { expect, test } from 'vitest';
import { LabError } from '../../contract/errors.ts';
import { toWaitFor } from './db-errors.ts';

const withCode = (code: string): Error => Object.assign(new Error('no'), { code });

test('a database that restarts is waited for, a broker that does not answer likewise, whatever was being done', () => {
  expect(toWaitFor('database', withCode('57P01'))).toBe('database');
  expect(toWaitFor('database', withCode('ECONNREFUSED'))).toBe('database');
  expect(toWaitFor('database', withCode('PLT_KFK_NETWORK'))).toBe('broker');
  expect(toWaitFor('broker', new Error('a-0 has no leader'))).toBe('broker');
});

test('what will not pass by itself is waited for by nobody', () => {
  expect(toWaitFor('database', withCode('42501'))).toBeNull();
  const refusal = new LabError('CDC-2002', 'another topic', { remedy: 'start over' });
  expect(toWaitFor('database', refusal)).toBeNull();
  expect(toWaitFor('broker', refusal)).toBeNull();
});
