import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RowRate } from './row-rate.ts';

const never = new AbortController().signal;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Sends rows for that long, and returns the rows per second. @param busyMs How long each slice takes to send. */
async function rateOf(bound: number, forMs: number, busyMs = 0): Promise<number> {
  const rate = new RowRate(bound);
  const startMs = performance.now();
  let rows = 0;
  for (;;) {
    const taken = rate.take(rate.sliceRows, never);
    await vi.runAllTimersAsync();
    await taken;
    const passedMs = performance.now() - startMs;
    if (passedMs >= forMs) return (rows * 1_000) / passedMs;
    rows += rate.sliceRows;
    vi.advanceTimersByTime(busyMs);
  }
}

test.each([1, 7, 1_000, 20_000])(
  '%d rows/s are kept to, and used up, from the first row on',
  async (bound) => {
    const rate = await rateOf(bound, 20_000);
    expect(rate / bound).toBeGreaterThan(0.95);
    expect(rate / bound).toBeLessThan(1.05);
  },
);

test('the time that it takes to send a slice counts', async () => {
  expect((await rateOf(1_000, 20_000, 30)) / 1_000).toBeGreaterThan(0.95);
});

test('after a pause it does not catch up with more than a moment', async () => {
  const rate = new RowRate(1_000);
  await rate.take(50, never);
  vi.advanceTimersByTime(60_000);
  const startMs = performance.now();
  for (let rows = 0; rows < 1_000; rows += 50) {
    const taken = rate.take(50, never);
    await vi.runAllTimersAsync();
    await taken;
  }
  expect(performance.now() - startMs).toBeGreaterThan(800);
});

test('a rate of 0 is no bound', async () => {
  const rate = new RowRate(0);
  expect(rate.sliceRows).toBe(Number.POSITIVE_INFINITY);
  await rate.take(1e9, never);
});

test('a stop ends the wait', async () => {
  const stopping = new AbortController();
  const rate = new RowRate(1);
  await rate.take(100, stopping.signal);
  const taken = rate.take(1, stopping.signal);
  stopping.abort();
  await taken;
});
