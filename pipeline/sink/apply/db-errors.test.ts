import { expect, test } from 'vitest';
import { LabError } from '../../contract/errors.ts';
import { explain, toWaitFor } from './db-errors.ts';

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

test.each(['ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN'])(
  'a certificate that is refused (%s) is an error at once, not a database to wait for',
  (code) => {
    expect(toWaitFor('database', withCode(code))).toBeNull();
    expect(explain(withCode(code))).toMatchObject({ code: 'CDC-2024' });
  },
);
