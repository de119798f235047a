import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { proseWidth, wantsColor, widthOf } from './stream.ts';

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ TERM: 'dumb' }, true, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '' }, false, false],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
])('with %j on a terminal (%s) there are colours: %s', (env, isTty, isColored) => {
  expect(wantsColor(true, env, isTty)).toBe(isColored);
});

test('--no-color outdoes FORCE_COLOR', () => {
  expect(wantsColor(false, { FORCE_COLOR: '1' }, true)).toBe(false);
});

test('lines are as long as the terminal is wide, and never broken where there is none', () => {
  const stream = new PassThrough();
  expect(widthOf(stream)).toBe(Number.POSITIVE_INFINITY);
  expect(widthOf(Object.assign(stream, { columns: 80 }))).toBe(Number.POSITIVE_INFINITY);
  expect(widthOf(Object.assign(stream, { isTTY: true }))).toBe(80);
  expect([proseWidth(80), proseWidth(200), proseWidth(Number.POSITIVE_INFINITY)]).toEqual([
    80,
    120,
    Number.POSITIVE_INFINITY,
  ]);
});
