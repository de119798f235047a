import { expect, test } from 'vitest';
import { rateOf } from './snapshot-rate.ts';

test('the rate of a snapshot that sends 50 rows every 50 ms is 1000 rows/s', () => {
  const times = Array.from({ length: 2_000 }, (_, row) => 7_000 + Math.floor(row / 50) * 50);
  expect(rateOf(times)).toEqual({ rows: 2_000, durationMs: 1_950, rowsPerSecond: 1_000 });
});

test('rows that all come at once came within a millisecond', () => {
  expect(rateOf(Array.from({ length: 200 }, () => 7_000))).toMatchObject({ rowsPerSecond: 200_000 });
});
