import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

/** Runs that end when they are told to. */
function controlled() {
  const begun: { asked: number; end: (answer: string) => void; fail: (error: Error) => void }[] = [];
  const work = (asked: number): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    begun.push({ asked, end: resolve, fail: reject });
    return promise;
  };
  return { begun, turns: new Turns<number, string>(work, Math.max) };
}
const untilBegun = (begun: readonly unknown[], count: number) => expect.poll(() => begun.length).toBe(count);

test('a request joins the run that begins after it, never the one that began before', async () => {
  const { begun, turns } = controlled();
  const first = turns.ask(1);
  await untilBegun(begun, 1);
  const [second, third] = [turns.ask(5), turns.ask(2)];
  begun[0]?.end('first');
  expect(await first).toBe('first');
  await untilBegun(begun, 2);
  const fourth = turns.ask(3);
  begun[1]?.end('second');
  expect(await Promise.all([second, third])).toEqual(['second', 'second']);
  await untilBegun(begun, 3);
  begun[2]?.end('third');
  expect(await fourth).toBe('third');
  // Joined requests are merged into one that serves all.
  expect(begun.map(({ asked }) => asked)).toEqual([1, 5, 3]);
});

test('requests at the same moment share one run, and all are told when it begins', async () => {
  const { begun, turns } = controlled();
  const told: number[] = [];
  const answers = [1, 2, 3].map((n) => turns.ask(n, () => told.push(n)));
  await untilBegun(begun, 1);
  expect(told).toEqual([1, 2, 3]);
  begun[0]?.end('all');
  expect(await Promise.all(answers)).toEqual(['all', 'all', 'all']);
});

test('a run that fails does not keep the next one from beginning', async () => {
  const { begun, turns } = controlled();
  const failed = turns.ask(1);
  await untilBegun(begun, 1);
  const next = turns.ask(2);
  begun[0]?.fail(new Error('no'));
  await expect(failed).rejects.toThrow('no');
  await untilBegun(begun, 2);
  begun[1]?.end('yes');
  expect(await next).toBe('yes');
  await turns.idle();
});
