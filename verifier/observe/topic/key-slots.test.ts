import { expect, test } from 'vitest';
import { KeySlots } from './key-slots.ts';

const keyOf = (n: number) => ({ topic: 'orders', key: Buffer.from(`{"id":${n}}`) });

test('the words of each key outlast the growth of the table', () => {
  const slots = new KeySlots(2, 100_000);
  for (let n = 0; n < 50_000; n++) slots.of(keyOf(n))?.set([n, n + 1]);
  const wrong: number[] = [];
  for (let n = 0; n < 50_000; n++) {
    const [first, second] = slots.of(keyOf(n)) ?? [];
    if (first !== n || second !== n + 1) wrong.push(n);
  }
  expect(wrong).toEqual([]);
  expect(slots.size).toBe(50_000);
});

test.each([3, 768, 769, 20_000])(
  'with %d keys at most, one more is refused and the others are still known',
  (most) => {
    const slots = new KeySlots(1, most);
    for (let n = 0; n < most; n++) slots.of(keyOf(n))?.set([n + 1]);
    expect(slots.isFull).toBe(true);
    expect(slots.of(keyOf(most))).toBeNull();
    expect([...(slots.of(keyOf(0)) ?? [])]).toEqual([1]);
    expect([...(slots.of(keyOf(most - 1)) ?? [])]).toEqual([most]);
  },
);

test('a full table of 200,000 keys takes 7 MB: it is three quarters full', () => {
  const slots = new KeySlots(4 + 2, 200_000);
  for (let n = 0; n < 200_000; n++) slots.of(keyOf(n));
  // 32 bytes a key, in a table that is three quarters full.
  expect(slots.bytes).toBeLessThanOrEqual(Math.ceil(200_000 / 0.75 + 1) * 32);
});
