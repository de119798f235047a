import { expect, test } from 'vitest';
import { ALONE, taskProblems } from './task-share.ts';

const said = (max: string | undefined, share = ALONE): string | undefined =>
  taskProblems(max === undefined ? {} : { 'tasks.max': max }, share)[0]?.message;

test('a single worker runs one task', () => {
  expect(said(undefined)).toBeUndefined();
  expect(said('1')).toBeUndefined();
  expect(said('2')).toMatch(/this worker runs one task: start further workers/);
});

test('each of three workers runs one of three tasks', () => {
  for (const id of [0, 1, 2]) expect(said('3', { id, of: 3 })).toBeUndefined();
  expect(said('4', { id: 0, of: 3 })).toMatch(/there are only 3 workers/);
});

test('a worker for which there is no task refuses the configuration', () => {
  expect(said('1', { id: 0, of: 2 })).toBeUndefined();
  expect(said('1', { id: 1, of: 2 })).toMatch(/no task for this worker, which runs number 1 \(from 0\) of 2/);
});
