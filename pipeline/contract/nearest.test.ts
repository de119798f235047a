import { expect, it } from 'vitest';
import { didYouMean, nearest } from './nearest.ts';

const known = ['restart', 'lag', 'schema-change', 'duplicate-resnapshot', 'backfill'];

it.each([
  ['retsart', 'restart'],
  ['backfil', 'backfill'],
  ['schema', 'schema-change'],
  ['dup', 'duplicate-resnapshot'],
  ['LAG', 'lag'],
  ['schemachange', 'schema-change'],
])('corrects %s to %s', (given, meant) => {
  expect(nearest(given, known)).toBe(meant);
});

it('names nothing if no known name is near', () => {
  expect(nearest('quicksort', known)).toBeUndefined();
  expect(nearest('', known)).toBeUndefined();
  expect(didYouMean('quicksort', known)).toBe('');
});
