import { expect, test } from 'vitest';
import { matchColumns } from './match-columns.ts';

test.each([
  ['the same columns', ['id', 'v'], ['id', 'v'], ['id', 'v']],
  ['a column that was added', ['id', 'v'], ['id', 'v', 'w'], ['id', 'v']],
  ['a renamed key', ['id', 'v'], ['key', 'v'], ['key', 'v']],
  ['a renamed key and an added column', ['id', 'v'], ['key', 'v', 'w'], ['key', 'v']],
  ['a renamed last column', ['id', 'v'], ['id', 'w'], ['id', 'w']],
  ['two names that were exchanged', ['id', 'a', 'b'], ['id', 'b', 'a'], ['id', 'b', 'a']],
  ['a dropped column', ['id', 'a', 'b'], ['id', null, 'b'], ['id', undefined, 'b']],
  ['a renamed key behind a dropped column', ['id', 'b'], [null, 'key', 'b'], ['key', 'b']],
  ['a new column of a dropped one’s name', ['id', 'a', 'b'], ['id', null, 'b', 'a'], ['id', undefined, 'b']],
  ['a last column that was renamed or replaced', ['id', 'a'], ['id', null, 'b'], ['id', undefined]],
  ['a column list that leaves a column out', ['id', 'b'], ['id', 'a', 'c'], ['id', undefined]],
])('of %s, each column of then has its name now', (_, then, now, expected) => {
  expect(matchColumns(then, now)).toEqual(expected);
});
