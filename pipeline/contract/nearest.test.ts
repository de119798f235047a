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
])('takes %s for %s', (given, meant) => {
  expect(nearest(given, known)).toBe(meant);
});

it('names nothing where nothing is near', () => {
  expect(nearest('quicksort', known)).toBeUndefined();
  expect(nearest('', known)).toBeUndefined();
  expect(didYouMean('quicksort', known)).toBe('');
});
