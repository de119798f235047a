import { expect, test, vi } from 'vitest';
import { boundBufferGarbage } from './buffer-garbage.ts';

const MIB = 1024 * 1024;

/** How often garbage is collected while the buffers take these MiB, one after the other. */
function collections(mibs: readonly number[]): number {
  vi.useFakeTimers();
  const left = mibs.map((n) => n * MIB);
  let last = 0;
  let count = 0;
  const bytes = () => {
    last = left.shift() ?? last;
    return last;
  };
  const bound = boundBufferGarbage({ bytes, collect: () => count++, everyMs: 100 });
  try {
    vi.advanceTimersByTime(100 * mibs.length * 2);
    return count;
  } finally {
    bound[Symbol.dispose]();
    vi.useRealTimers();
  }
}

test('nothing is collected while buffers grow by little', () => {
  expect(collections([10, 15, 20, 37])).toBe(0);
});

test('garbage is collected once buffers have grown by 28 MiB', () => {
  expect(collections([10, 20, 39, 12])).toBe(1);
});

test('growth counts from the least that was seen, as after a collection of V8’s', () => {
  expect(collections([60, 5, 20, 34, 6])).toBe(1);
});

test('buffers that are in use are not collected for again and again', () => {
  expect(collections([10, 45, 45, 46, 47, 48])).toBe(1);
});

test('dead buffers are gone long before V8 would collect them', async () => {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  using _ = boundBufferGarbage({ everyMs: 5 });
  // As old as bytes that wait in a queue: a scavenge does not free them.
  let held: Buffer[] = [];
  for (let i = 0; i < 4_000; i++) {
    held.push(Buffer.alloc(64 * 1024, i));
    if (held.length === 32) held = [];
    if (i % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most).toBeLessThan(52 * MIB);
}, 60_000);
