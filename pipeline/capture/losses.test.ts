import { expect, test } from 'vitest';
import { lossReporter } from './losses.ts';

test('each lossy value is counted, and its column told once with what cures it', () => {
  const warnings: unknown[] = [];
  const counted: unknown[] = [];
  const nothing = () => {};
  const report = lossReporter(
    { debug: nothing, info: nothing, error: nothing, warn: (...line) => warnings.push(line) },
    { lag: nothing, latency: nothing, count: (...call) => counted.push(call) },
  );
  const lost = { schema: 'a.b', table: 'c', column: 'list', loss: 'the bounds' };
  report(lost);
  report(lost);
  report({ ...lost, column: 'other' });
  expect(warnings).toEqual([
    [
      'Events of a.b.c.list do not hold the bounds.',
      { column: 'a.b.c.list', remedy: expect.stringContaining('UPDATE "a.b"."c" SET "list" = "list"[:]') },
    ],
    ['Events of a.b.c.other do not hold the bounds.', expect.anything()],
  ]);
  expect(counted).toEqual(Array(3).fill(['lossy', 'a.b.c', 1]));
});
