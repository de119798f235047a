import { expect, test } from 'vitest';
import { HealedHistory } from './healed-history.ts';

const look = (skipped: number, handled: bigint, rowsEqual: boolean) => ({
  counts: { skipped },
  ...{ handled, rowsEqual },
});
const rows = (ids: readonly string[], handled: bigint, rowsEqual = true) => ({ ids, handled, rowsEqual });

test('a count is history once wrong rows have become equal, even if nothing else was handled', () => {
  const history = new HealedHistory();
  expect(history.isHealed('a', look(1, 5n, false))).toBe(false);
  expect(history.isHealed('a', look(1, 5n, true))).toBe(true);
  expect(history.isHealed('b', look(1, 5n, true))).toBe(false);
});

test('a count is a fault of now while it grows, while rows differ, and after offsets were reset', () => {
  const history = new HealedHistory();
  expect(history.isHealed('a', look(1, 5n, true))).toBe(false);
  expect(history.isHealed('a', look(1, 5n, true))).toBe(false);
  expect(history.isHealed('a', look(1, 6n, false))).toBe(false);
  expect(history.isHealed('a', look(1, 7n, true))).toBe(true);
  expect(history.isHealed('a', look(2, 8n, true))).toBe(false);
  expect(history.isHealed('a', look(2, 3n, true))).toBe(false);
});

test('rows that are named are history if no others are added, also when some of them are gone', () => {
  const history = new HealedHistory();
  expect(history.isHealed('a', rows(['x', 'y'], 5n))).toBe(false);
  expect(history.isHealed('a', rows(['y'], 6n))).toBe(true);
  // A row that was gone and is back is another fault.
  expect(history.isHealed('a', rows(['x', 'y'], 7n))).toBe(false);
  expect(history.isHealed('a', rows(['x', 'y'], 8n))).toBe(true);
  expect(history.isHealed('a', rows(['z'], 9n))).toBe(false);
});

test('what is known survives a restart, and lower counts of a first, partial reading change nothing', () => {
  const before = new HealedHistory();
  expect(before.isHealed('a', look(3, 5n, false))).toBe(false);
  const after = new HealedHistory();
  after.restore(JSON.parse(JSON.stringify(before)));
  expect(after.isHealed('a', { ...look(1, 2n, false), isComplete: false })).toBe(false);
  expect(after.isHealed('a', look(3, 6n, true))).toBe(true);
  expect(after.isHealed('a', look(4, 7n, true))).toBe(false);
});
