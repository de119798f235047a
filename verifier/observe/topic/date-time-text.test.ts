import { expect, test } from 'vitest';
import { dateText, timestampText, timestamptzText } from './date-time-text.ts';

test.each([
  ['0', '1970-01-01'],
  ['-719162', '0001-01-01'],
  ['-719163', '0001-12-31 BC'],
  ['2932896', '9999-12-31'],
  ['2932897', '10000-01-01'],
  ['-2147472692', 'infinity'],
  ['-2147472691', '-infinity'],
  ['2024-02-29Z', '2024-02-29'],
  ['-0043-03-15Z', '0044-03-15 BC'],
  ['-5877611-06-21Z', 'infinity'],
  ['-5877611-06-22Z', '-infinity'],
  ['2024', '1975-07-18'],
  ['soon', undefined],
])('the date %s is printed as %s', (value, text) => {
  expect(dateText(value)).toBe(text);
});

test.each([
  ['1', 'us', '1970-01-01 00:00:00.000001'],
  ['-1', 'us', '1969-12-31 23:59:59.999999'],
  ['-1', 'ms', '1969-12-31 23:59:59.999'],
  ['-1001', 'ns', '1969-12-31 23:59:59.999998'],
  ['1767323045670001000', 'ns', '2026-01-02 03:04:05.670001'],
  ['-62135596800000000', 'us', '0001-01-01 00:00:00'],
  ['-62135596800000001', 'us', '0001-12-31 23:59:59.999999 BC'],
  ['253402300800000', 'ms', '10000-01-01 00:00:00'],
  ['9223372036825200', 'ms', 'infinity'],
  ['-9223372036832400000', 'us', '-infinity'],
  ['9223372036854775807', 'ns', 'infinity'],
  ['-9223372036854775808', 'ns', '-infinity'],
  ['2024-02-29T23:59:59.5Z', 'us', '2024-02-29 23:59:59.5'],
  ['+294247-01-10T04:00:25Z', 'us', 'infinity'],
  ['soon', 'us', undefined],
] as const)('the timestamp %s, in %s, is printed as %s', (value, unit, text) => {
  expect(timestampText(value, unit)).toBe(text);
});

test.each([
  ['2026-01-02T03:04:05.670000Z', '2026-01-02 03:04:05.67+00'],
  ['-0043-03-15T12:00:00Z', '0044-03-15 12:00:00+00 BC'],
  ['+10000-01-01T00:00:00.000001Z', '10000-01-01 00:00:00.000001+00'],
  ['infinity', 'infinity'],
  ['-infinity', '-infinity'],
  ['soon', undefined],
])('the timestamptz %s is printed as %s', (value, text) => {
  expect(timestamptzText(value)).toBe(text);
});
