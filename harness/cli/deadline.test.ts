import { expect, test } from 'vitest';
import { deadlineMsOf } from './commands/status.ts';

test('a question waits for what the engines store every ten seconds, unless a deadline is given', () => {
  expect(deadlineMsOf(undefined, { source: 'ts', sink: 'ts' }, 10_000)).toBe(10_000);
  expect(deadlineMsOf(undefined, { source: 'debezium', sink: 'ts' }, 10_000)).toBeGreaterThan(20_000);
  expect(deadlineMsOf(undefined, { source: 'ts', sink: 'jdbc' }, 10_000)).toBeGreaterThan(20_000);
  expect(deadlineMsOf(0, { source: 'debezium', sink: 'jdbc' }, 10_000)).toBe(0);
});
