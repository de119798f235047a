import { expect, test } from 'vitest';
import { cyclesOf, graphOf, roomArrows } from './graph.ts';

test('a cycle is found, with exactly its nodes', () => {
  const graph = graphOf([
    ['a', 'b'],
    ['b', 'c'],
    ['c', 'a'],
    ['c', 'd'],
    ['d', 'e'],
    ['f', 'a'],
  ]);
  expect(cyclesOf(graph)).toEqual([['a', 'b', 'c']]);
});

test('two cycles without a common node are found separately', () => {
  const graph = graphOf([
    ['a', 'b'],
    ['b', 'a'],
    ['b', 'c'],
    ['c', 'd'],
    ['d', 'c'],
  ]);
  expect(cyclesOf(graph)).toEqual([
    ['c', 'd'],
    ['a', 'b'],
  ]);
});

test('a diamond is not a cycle', () => {
  const graph = graphOf([
    ['a', 'b'],
    ['a', 'c'],
    ['b', 'd'],
    ['c', 'd'],
  ]);
  expect(cyclesOf(graph)).toEqual([]);
});

test('an import between rooms is an arrow between the folders where their paths diverge', () => {
  const one = (from: string, to: string) => roomArrows([{ from, to, isPackage: false }]);
  expect(one('a/x/p.ts', 'a/y/z/q.ts')).toEqual([['a/x', 'a/y']]);
  expect(one('a/x/p.ts', 'b/q.ts')).toEqual([['a', 'b']]);
  // Within one room, and between a folder and its parent.
  expect(one('a/p.ts', 'a/q.ts')).toEqual([]);
  expect(one('a/x/p.ts', 'a/q.ts')).toEqual([]);
  expect(one('a/p.ts', 'a/x/q.ts')).toEqual([]);
});
