import { expect, test } from 'vitest';
import { HealedHistory } from './healed-history.ts';

const look = (count: string, handled: bigint, rowsEqual: boolean) => ({ count, handled, rowsEqual });

test('a count is history once wrong rows have become equal, even if nothing else was handled', () => {
  const history = new HealedHistory();
  expect(history.isHealed('a', look('1', 5n, false))).toBe(false);
  expect(history.isHealed('a', look('1', 5n, true))).toBe(true);
  expect(history.isHealed('b', look('1', 5n, true))).toBe(false);
});

test('a count is a fault of now while it grows, while rows differ, and after offsets were reset', () => {
  const history = new HealedHistory();
  expect(history.isHealed('a', look('1', 5n, true))).toBe(false);
  expect(history.isHealed('a', look('1', 5n, true))).toBe(false);
  expect(history.isHealed('a', look('1', 6n, false))).toBe(false);
  expect(history.isHealed('a', look('1', 7n, true))).toBe(true);
  expect(history.isHealed('a', look('2', 8n, true))).toBe(false);
  expect(history.isHealed('a', look('2', 3n, true))).toBe(false);
});
