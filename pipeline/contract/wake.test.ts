import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { unlessAborted, Wake } from './wake.ts';

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

test('a promise that nobody waits for because the signal had aborted may fail', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    const failing = new Promise<never>((_, reject) => setImmediate(() => reject(new Error('too late'))));
    expect(await unlessAborted(failing, AbortSignal.abort())).toBe(undefined);
    for (let turns = 0; turns < 3; turns++) await turn();
  } finally {
    process.off('unhandledRejection', note);
  }
  expect(unhandled).toEqual([]);
});
