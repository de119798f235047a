import { expect, test } from 'vitest';
import { Backoff, delayOf } from './backoff.ts';
import { Permits } from './permits.ts';

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

test('the delay doubles up to its bound, and at most half of it is random', () => {
  expect(delayOf(0, 100, 0)).toBe(50);
  expect(delayOf(0, 100, 0.999)).toBeLessThan(100);
  expect(delayOf(3, 100, 0)).toBe(400);
  expect(delayOf(1_000, 100, 0.999)).toBeLessThanOrEqual(5_000);
});

test('a component that is waited for is degraded, with the number of retries', async () => {
  const { signal } = new AbortController();
  const backoff = new Backoff({ maxRetries: -1, retryDelayMs: 1, log: quiet, signal });
  await backoff.wait('database', 4, new Error('down'));
  expect(backoff.health()).toEqual([{ component: 'database', health: 'degraded', detail: 'down; retry 5' }]);
  backoff.succeeded('database');
  expect(backoff.health()[0]?.health).toBe('ok');
});

test('after the last retry it fails with a remedy', async () => {
  const { signal } = new AbortController();
  const backoff = new Backoff({ maxRetries: 2, retryDelayMs: 1, log: quiet, signal });
  await expect(backoff.wait('database', 2, new Error('down'))).rejects.toMatchObject({ code: 'CDC-2020' });
});

test('a task that stops does not finish the wait', async () => {
  const abort = new AbortController();
  const backoff = new Backoff({ maxRetries: -1, retryDelayMs: 60_000, log: quiet, signal: abort.signal });
  const waiting = backoff.wait('broker', 20, new Error('down'));
  abort.abort();
  await expect(waiting).rejects.toThrow();
});

test('permits limit how many run at a time, and pass on when one is done', async () => {
  const permits = new Permits(2);
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await Promise.resolve();
    inside--;
  };
  await Promise.all(Array.from({ length: 7 }, () => permits.run(work)));
  await expect(permits.run(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
  await permits.run(work);
  expect([most, inside]).toEqual([2, 0]);
});
