import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { makeAtOnce, type Parts } from './make-at-once.ts';

/** Parts that take a moment each; `log` lists them in the order in which they end. */
function parts(over: Partial<Parts> = {}): { made: Parts; log: string[] } {
  const log: string[] = [];
  const does = async (name: string, ms: number) => {
    await sleep(ms);
    log.push(name);
  };
  const made: Parts = {
    source: does('source', 5),
    sink: does('sink', 10),
    workers: [does('capture worker', 15), does('sink worker', 40)],
    startCapture: () => does('capture', 1),
    startVerifier: () => does('verifier', 40),
    ...over,
  };
  return { made, log };
}

test('each part starts when what it needs is ready', async () => {
  const { made, log } = parts();
  await makeAtOnce(made);
  expect(log).toEqual(['source', 'sink', 'capture worker', 'capture', 'sink worker', 'verifier']);
});

test('when a part fails, every other ends first, and what needs it is not started', async () => {
  const { made, log } = parts({ source: Promise.reject(new Error('no room left')) });
  await expect(makeAtOnce(made)).rejects.toThrow('no room left');
  expect(log).toEqual(expect.arrayContaining(['sink', 'capture worker', 'sink worker']));
  expect(log).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(capture|verifier)$/)]));
});

test('a verifier that is starting ends before the error is thrown', async () => {
  const { made, log } = parts({ startCapture: () => Promise.reject(new Error('refused')) });
  await expect(makeAtOnce(made)).rejects.toThrow('refused');
  expect(log).toContain('verifier');
});
