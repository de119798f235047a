import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GroupCommits } from './group-commits.ts';

const part = { topic: 't', partition: 0 };
const log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A group that answers as the test says. */
function group(options: { answerWithinMs?: number } = {}) {
  const state = {
    member: true,
    nowMs: 0,
    stuck: 0,
    sent: [] as string[],
    answer: (): Promise<void> => Promise.resolve(),
  };
  const commits = new GroupCommits({
    commit: (offsets) => {
      state.sent.push(offsets.map((o) => `${o.topic}-${o.partition}@${o.offset}`).join(' '));
      return state.answer();
    },
    isMember: () => state.member,
    onStuck: () => {
      state.stuck++;
    },
    log,
    answerWithinMs: options.answerWithinMs ?? 1_000,
    stuckAfterMs: 10_000,
    now: () => state.nowMs,
  });
  return { state, commits };
}

test('an offset noted while the task is not a member is committed with the next one noted as a member', async () => {
  const { state, commits } = group();
  state.member = false;
  commits.note(part, 1n);
  await turn();
  expect(state.sent).toEqual([]);
  state.member = true;
  commits.note({ topic: 'u', partition: 3 }, 7n);
  await commits.settled();
  expect(state.sent).toEqual(['t-0@1 u-3@7']);
});

test('of the offsets noted while a request is in flight only the newest is committed, after it', async () => {
  const { state, commits } = group();
  const answered = Promise.withResolvers<void>();
  state.answer = () => answered.promise;
  commits.note(part, 1n);
  commits.note(part, 2n);
  commits.note(part, 3n);
  answered.resolve();
  await commits.settled();
  expect(state.sent).toEqual(['t-0@1', 't-0@3']);
});

test('a request that is never answered blocks the next one only until it times out', async () => {
  const { state, commits } = group({ answerWithinMs: 20 });
  state.answer = () => new Promise(() => undefined);
  commits.note(part, 1n);
  await commits.settled();
  state.answer = () => Promise.resolve();
  commits.note(part, 1n);
  await commits.settled();
  expect(state.sent).toEqual(['t-0@1', 't-0@1']);
  expect(state.stuck).toBe(0);
});

test('failures for long enough ask for another client, unless a success comes between them', async () => {
  const { state, commits } = group();
  const commitAt = async (nowMs: number, works: boolean): Promise<void> => {
    state.nowMs = nowMs;
    state.answer = () => (works ? Promise.resolve() : Promise.reject(new Error('ILLEGAL_GENERATION')));
    commits.note(part, BigInt(nowMs));
    await commits.settled();
  };
  await commitAt(0, false);
  await commitAt(6_000, true);
  await commitAt(9_000, false);
  await commitAt(12_000, false);
  expect(state.stuck).toBe(0);
  await commitAt(19_000, false);
  expect(state.stuck).toBe(1);
});

test('a forgotten offset is not committed: another member may own the partition by then', async () => {
  const { state, commits } = group();
  state.member = false;
  commits.note(part, 1n);
  commits.forget();
  state.member = true;
  commits.note({ topic: 'u', partition: 0 }, 2n);
  await commits.settled();
  expect(state.sent).toEqual(['u-0@2']);
});
