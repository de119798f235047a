import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Wake } from './wake.ts';

test('a raise before the wait ends the next wait, and only that one', async () => {
  const wake = new Wake();
  wake.raise();
  wake.raise();
  await wake.wait();
  let woken = false;
  void wake.wait().then(() => {
    woken = true;
  });
  await turn();
  expect(woken).toBe(false);
  wake.raise();
  await turn();
  expect(woken).toBe(true);
});

test('a raise wakes every waiter', async () => {
  const wake = new Wake();
  const all = Promise.all([wake.wait(), wake.wait(60_000), wake.wait()]);
  wake.raise();
  await expect(all).resolves.toHaveLength(3);
});

test('a wait ends after its time-out, and the next raise is not lost', async () => {
  const wake = new Wake();
  await wake.wait(1);
  wake.raise();
  await wake.wait();
});
