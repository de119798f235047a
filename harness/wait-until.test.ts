import { expect, test } from 'vitest';
import { waitUntil } from './wait-until.ts';

test('the first value that the condition gives is the result', async () => {
  let looks = 0;
  expect(await waitUntil(() => (++looks === 3 ? 'there' : undefined), { timeoutMs: 5_000, pauseMs: 1 })).toBe(
    'there',
  );
  expect(looks).toBe(3);
});

test('at the deadline the result is undefined, after at least one look', async () => {
  let looks = 0;
  let now = 0;
  const clock = (): number => {
    now += 40;
    return now;
  };
  const result = await waitUntil(() => void looks++, { timeoutMs: 100, pauseMs: 1, now: clock });
  expect(result).toBeUndefined();
  expect(looks).toBeGreaterThanOrEqual(1);
  expect(looks).toBeLessThanOrEqual(3);
});

test('a condition that throws ends the wait', async () => {
  const failing = waitUntil(() => Promise.reject(new Error('broken')), { timeoutMs: 5_000 });
  await expect(failing).rejects.toThrow('broken');
});

test('an abort ends the wait with its reason', async () => {
  const interrupt = new AbortController();
  const waiting = waitUntil(() => undefined, { timeoutMs: 60_000, signal: interrupt.signal });
  interrupt.abort(new Error('interrupted'));
  await expect(waiting).rejects.toThrow(/interrupted|aborted/);
});
