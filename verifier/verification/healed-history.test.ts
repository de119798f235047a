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

test('what was gone and is back is another fault, even if there is less of it', () => {
  const history = new HealedHistory();
  expect(history.isHealed('a', look(5, 5n, false))).toBe(false);
  history.clear('a');
  expect(history.isHealed('a', look(2, 9n, true))).toBe(false);
  expect(history.isHealed('a', look(2, 10n, true))).toBe(true);
});

test('lower counts are no history where a part of the records is not known, or the count began again', () => {
  const partly = { ...look(3, 9n, true), isComplete: false };
  const history = new HealedHistory();
  expect(history.isHealed('a', look(10, 5n, false))).toBe(false);
  expect(history.isHealed('a', partly)).toBe(false);
  expect(history.isHealed('a', look(10, 9n, true))).toBe(true);
  // One of the three may be new.
  expect(history.isHealed('a', look(3, 10n, true))).toBe(false);
  expect(history.isHealed('a', look(3, 11n, true))).toBe(true);
});

test('a row that is written by hand again is another fault, unless that made wrong rows equal', () => {
  const written = (time: string, handled: bigint, rowsEqual = true) => ({
    ...rows(['x'], handled, rowsEqual),
    times: [time],
  });
  const history = new HealedHistory();
  expect(history.isHealed('a', written('x 1', 1n, false))).toBe(false);
  expect(history.isHealed('a', written('x 2', 1n))).toBe(true);
  expect(history.isHealed('a', written('x 2', 1n))).toBe(true);
  for (const n of [3, 4, 5]) expect(history.isHealed('a', written(`x ${n}`, BigInt(n)))).toBe(false);
  expect(history.isHealed('a', written('x 5', 6n))).toBe(true);
  // Wrong again: it may be repaired once more, also after a restart.
  expect(history.isHealed('a', written('x 5', 6n, false))).toBe(false);
  const after = new HealedHistory();
  after.restore(JSON.parse(JSON.stringify(history)));
  expect(after.isHealed('a', written('x 6', 6n))).toBe(true);
  expect(after.isHealed('a', written('x 7', 7n))).toBe(false);
});
