import { expect, test } from 'vitest';
import { bytesText, countOfText, countText, durationText } from './units.ts';

test.each([
  [0, '0 bytes'],
  [700, '700 bytes'],
  [13_280, '13 KiB'],
  [1.5 * 1024 ** 3, '1.5 GiB'],
  [4 * 1024 ** 3, '4 GiB'],
  [2 ** 60, '1024 PiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

test.each([
  [0, '0 ms'],
  [12.4, '12 ms'],
  [999.6, '1 s'],
  [1_234, '1.2 s'],
  [30_000, '30 s'],
  [59_980, '1 min'],
  [300_000, '5 min'],
  [3_900_000, '1 h 5 min'],
])('%d milliseconds are %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test('counts have commas, and their noun agrees', () => {
  expect(countText(843_000)).toBe('843,000');
  expect(countText(2n ** 63n)).toBe('9,223,372,036,854,775,808');
  expect([countOfText(1, 'row'), countOfText(0, 'row'), countOfText(2, 'copy', 'copies')]).toEqual([
    '1 row',
    '0 rows',
    '2 copies',
  ]);
});
