import { expect, test } from 'vitest';
import { LabError } from '../../pipeline/contract/errors.ts';
import { Interrupted, UnavailableError, UsageError } from '../errors.ts';
import { exitCodeOf } from './exit-code.ts';

const coded = (code: string): Error => Object.assign(new Error(code), { code });
const named = (name: string): Error => Object.assign(new Error(name), { name });

test.each([
  ['Ctrl-C', new Interrupted('Ctrl-C'), 130],
  ['a usage error', new UsageError('no', 'yes'), 64],
  ['something down', new UnavailableError('no', 'up'), 69],
  ['an error with a remedy', new LabError('CDC-5104', 'no', { remedy: 'read the log' }), 69],
  ['a refused connection', coded('ECONNREFUSED'), 69],
  ['a full disk', coded('ENOSPC'), 69],
  ['a PostgreSQL that shuts down', coded('57P01'), 69],
  ['a broker that is gone', named('KafkaJSConnectionError'), 69],
  ['kafkajs that gave up', named('KafkaJSNumberOfRetriesExceeded'), 69],
  ['a connection cut off', new Error('Connection terminated unexpectedly'), 69],
  ['an outage as the cause', new Error('drop', { cause: coded('ECONNRESET') }), 69],
  ['an outage among several errors', new AggregateError([new Error('a'), coded('ECONNREFUSED')]), 69],
  ['a mistake of ours', new TypeError('x is not a function'), 70],
  ['a wrong statement', coded('42601'), 70],
  ['a Kafka request that makes no sense', named('KafkaJSProtocolError'), 70],
])('the exit code of %s', (_, error, code) => {
  expect(exitCodeOf(error)).toBe(code);
});
