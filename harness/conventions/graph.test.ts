import { expect, test } from 'vitest';
import { cyclesOf, graphOf, roomArrows } from './graph.ts';

test('a circle is found, with everything in it and nothing else', () => {
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

test('two circles that share no node are two', () => {
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

test('a diamond is no circle', () => {
  const graph = graphOf([
    ['a', 'b'],
    ['a', 'c'],
    ['b', 'd'],
    ['c', 'd'],
  ]);
  expect(cyclesOf(graph)).toEqual([]);
});

test('an import between two rooms counts for the folders in which their ways part', () => {
  const one = (from: string, to: string) => roomArrows([{ from, to, isPackage: false }]);
  expect(one('a/x/p.ts', 'a/y/z/q.ts')).toEqual([['a/x', 'a/y']]);
  expect(one('a/x/p.ts', 'b/q.ts')).toEqual([['a', 'b']]);
  // Within one room, and between a folder and its parent.
  expect(one('a/p.ts', 'a/q.ts')).toEqual([]);
  expect(one('a/x/p.ts', 'a/q.ts')).toEqual([]);
  expect(one('a/p.ts', 'a/x/q.ts')).toEqual([]);
});
