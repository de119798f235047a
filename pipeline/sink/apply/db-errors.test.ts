import { expect, test } from 'vitest';
import { LabError } from '../../contract/errors.ts';
import { explain, toWaitFor } from './db-errors.ts';

const withCode = (code: string): Error => Object.assign(new Error('no'), { code });

test('the component that does not answer is waited for, database or broker, whatever the work was', () => {
  expect(toWaitFor('database', withCode('57P01'))).toBe('database');
  expect(toWaitFor('database', withCode('ECONNREFUSED'))).toBe('database');
  expect(toWaitFor('database', withCode('EPIPE'))).toBe('database');
  expect(toWaitFor('database', withCode('PLT_KFK_NETWORK'))).toBe('broker');
  expect(toWaitFor('broker', new Error('a-0 has no leader'))).toBe('broker');
});

test('an error that will not pass is not waited for', () => {
  expect(toWaitFor('database', withCode('42501'))).toBeNull();
  const refusal = new LabError('CDC-2002', 'another topic', { remedy: 'start over' });
  expect(toWaitFor('database', refusal)).toBeNull();
  expect(toWaitFor('broker', refusal)).toBeNull();
});

test.each(['ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN'])(
  'a refused certificate (%s) is an error at once and is not waited for',
  (code) => {
    expect(toWaitFor('database', withCode(code))).toBeNull();
    expect(explain(withCode(code))).toMatchObject({ code: 'CDC-2024' });
  },
);

test('a statement that the database refuses is told with what it was for, the table, and a code', () => {
  const refused = Object.assign(new Error('cannot insert into view "v"'), {
    ...{ code: '55000', schema: 'public', table: 'orders', hint: 'Use a trigger.' },
  });
  expect(explain(refused, 'a batch of p.public.orders-0@7')).toMatchObject({
    code: 'CDC-2026',
    message:
      'The sink database refuses a batch of p.public.orders-0@7: public.orders: cannot insert into view "v" Use a trigger. ' +
      '(SQLSTATE 55000).',
    remedy: expect.stringMatching(/\w{3}/),
    cause: refused,
  });
});

test('a detail about objects is told', () => {
  const refused = Object.assign(new Error('no'), { code: '2BP01', detail: 'view v depends on it.' });
  expect(explain(refused)).toMatchObject({
    message: expect.stringContaining(': no view v depends on it. ('),
  });
});

test('an error of this program is not taken for one of the database', () => {
  const bug = new TypeError('x is undefined');
  expect(explain(bug)).toBe(bug);
});
