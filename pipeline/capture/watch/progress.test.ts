import { expect, test } from 'vitest';
import type { Lsn } from '../../contract/lsn.ts';
import {
  judgeProgress,
  type ProgressSample,
  ProgressWatch,
  progressSample,
  type SessionView,
} from './progress.ts';

const BOUNDS = { lagEvents: 1, lagMs: 5_000, stalledAfterMs: 60_000 };
const NOW_MS = 1_000_000;
const IDLE: ProgressSample = { paused: false, work: undefined, mark: 'a', oldestCommitMs: undefined };
const BUSY: ProgressSample = {
  ...IDLE,
  work: 'changes are waiting for Kafka',
  oldestCommitMs: NOW_MS - 1_000,
};

test.each([
  ['an idle source', IDLE, 600_000, 'ok', 'ok'],
  ['work that moves', BUSY, 59_999, 'ok', 'ok'],
  ['work that stands still', BUSY, 60_000, 'ok', 'degraded'],
  ['a change at the bound of the lag', { ...BUSY, oldestCommitMs: NOW_MS - 5_000 }, 0, 'ok', 'ok'],
  ['an older change', { ...BUSY, oldestCommitMs: NOW_MS - 5_001 }, 0, 'degraded', 'ok'],
  ['an older change that stands still', { ...BUSY, oldestCommitMs: 0 }, 70_000, 'degraded', 'degraded'],
  ['a source whose clock is ahead', { ...BUSY, oldestCommitMs: NOW_MS + 90_000 }, 0, 'ok', 'ok'],
  ['a snapshot that stands still', { ...IDLE, work: 'snapshot s1' }, 60_000, 'ok', 'degraded'],
  ['a paused task', { ...BUSY, paused: true, oldestCommitMs: 0 }, 600_000, 'ok', 'ok'],
] as const)('%s', (_, sample, stillMs, lag, progress) => {
  const judged = judgeProgress(sample, { nowMs: NOW_MS, stillMs }, BOUNDS);
  expect(judged.map(({ component, health }) => [component, health])).toEqual([
    ['lag', lag],
    ['progress', progress],
  ]);
});

test('the details say what is waiting, for how long, and that a task is paused', () => {
  const details = (sample: ProgressSample) =>
    judgeProgress(sample, { nowMs: NOW_MS, stillMs: 61_000 }, BOUNDS).map(({ detail }) => detail);
  expect(details({ ...BUSY, oldestCommitMs: NOW_MS - 9_000 })).toEqual([
    'the oldest waiting change committed 9 s ago, the bound is 5 s',
    'no progress for 61 s: changes are waiting for Kafka',
  ]);
  expect(details({ ...BUSY, paused: true })).toEqual(['paused', 'paused']);
});

/** Samples a minute apart; the health of `progress` after each. */
function minutes(...samples: readonly ProgressSample[]): (string | undefined)[] {
  let nowMs = 0;
  const watch = new ProgressWatch(BOUNDS, () => nowMs);
  return samples.map((sample) => {
    nowMs += 60_000;
    return watch.observe({ ...sample, oldestCommitMs: undefined })[1]?.health;
  });
}

test('a stall counts from the last movement, and any movement ends it', () => {
  const moved = { ...BUSY, mark: 'b' };
  expect(minutes(BUSY, BUSY, moved, moved)).toEqual(['ok', 'degraded', 'ok', 'degraded']);
});

test('time without work or while paused is no stall', () => {
  expect(minutes(IDLE, IDLE, BUSY, BUSY)).toEqual(['ok', 'ok', 'ok', 'degraded']);
  expect(minutes(BUSY, { ...BUSY, paused: true }, BUSY, BUSY)).toEqual(['ok', 'ok', 'ok', 'degraded']);
});

const STREAM = {
  flushedLsn: 100_000n as Lsn,
  receivedLsn: 100_000n as Lsn,
  hasUnacknowledged: false,
  oldestCommitTimeUs: undefined,
};
const VIEW: SessionView = {
  paused: false,
  snapshot: undefined,
  publishedRecords: 0,
  stream: STREAM,
  walEnd: 100_000n as Lsn,
};

test.each([
  ['nothing before the stream starts', { ...VIEW, stream: undefined }, undefined],
  ['nothing at the end of the WAL', VIEW, undefined],
  ['nothing within a page of the end of the WAL', { ...VIEW, walEnd: 108_192n as Lsn }, undefined],
  ['WAL that was not read', { ...VIEW, walEnd: 108_193n as Lsn }, 'the source has more WAL'],
  [
    'unacknowledged changes',
    { ...VIEW, stream: { ...STREAM, hasUnacknowledged: true } },
    'changes are waiting for Kafka',
  ],
  ['a snapshot', { ...VIEW, snapshot: 's1' }, 'snapshot s1'],
] as const)('the work of a session: %s', (_, view, work) => {
  expect(progressSample(view).work).toBe(work);
});

test('a keepalive that moves the position over the WAL of other tables counts as movement', () => {
  const behind = (flushed: bigint): SessionView => ({
    ...VIEW,
    stream: { ...STREAM, flushedLsn: flushed as Lsn },
    walEnd: (flushed + 50_000n) as Lsn,
  });
  const busySource = [100n, 200n, 300n, 400n].map((flushed) => progressSample(behind(flushed)));
  expect(minutes(...busySource)).toEqual(['ok', 'ok', 'ok', 'ok']);
  expect(minutes(progressSample(behind(100n)), progressSample(behind(100n)))).toEqual(['ok', 'degraded']);
});
