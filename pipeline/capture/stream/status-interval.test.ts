import { expect, test } from 'vitest';
import { intervalWithin } from './status-interval.ts';

test.each([
  ['as configured where the server waits longer', 10_000, 60_000, 10_000],
  ['as configured where the server waits for ever', 10_000, 0, 10_000],
  ['three times within a short wal_sender_timeout', 10_000, 1_000, 333],
  ['as configured if that is more often', 100, 1_000, 100],
  ['at least every millisecond', 10_000, 1, 1],
])('status updates go out %s', (_, configuredMs, timeoutMs, intervalMs) => {
  expect(intervalWithin(configuredMs, timeoutMs)).toBe(intervalMs);
});
