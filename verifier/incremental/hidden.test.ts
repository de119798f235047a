import { expect, test } from 'vitest';
import { hiddenIn } from './hidden.ts';

test('a snapshot hides what it lists as open, and all that is not below its xmax', () => {
  expect(hiddenIn('90:100:90,95', ['89', '90', '94', '95', '99'])).toEqual(['90', '95']);
  // A transaction that took the next xid and committed just now is not listed.
  expect(hiddenIn('100:100:', ['99', '100', '101'])).toEqual(['100', '101']);
});

test('xids of the stream have 32 bits, and wrap around', () => {
  const epoch = 1n << 32n;
  const snapshot = `${epoch - 6n}:${epoch + 3n}:${epoch - 6n},${epoch + 1n}`;
  expect(hiddenIn(snapshot, [String(epoch - 6n), String(epoch - 5n), '0', '1', '2', '3'])).toEqual([
    ...[String(epoch - 6n), '1', '3'],
  ]);
});
