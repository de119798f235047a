import { expect, test } from 'vitest';
import type { JournalEntry, JournalEvent } from '../runner/journal.ts';
import { intervalsOf } from './fault-intervals.ts';

function journal(variant: 'sound' | 'naive' | null, entries: readonly JournalEntry[]): JournalEvent[] {
  const context = { runId: 'r', scenario: 'restart', ...(variant === null ? {} : { variant }) };
  return entries.map((entry, i) => ({ ...entry, ...context, at: `2026-01-02T03:04:0${i}.000Z` }));
}
const fault = 'kill-service';
const undo: JournalEntry = { t: 'undo-written', id: 'u', fault };
const proven: JournalEntry = { t: 'fault-proven', fault, evidence: {} };
const healed: JournalEntry = { t: 'fault-healed', fault, said: '', evidence: {} };
const ready = (name: string): JournalEntry => ({ t: 'instance-ready', ms: 1, instance: { name } });

test('a fault lasts from the undo that is written before it to its heal', () => {
  expect(intervalsOf(journal(null, [undo, proven, healed]), 'lab')).toEqual([
    {
      fault,
      runId: 'r',
      scenario: 'restart',
      begunAt: '2026-01-02T03:04:00.000Z',
      provenAt: '2026-01-02T03:04:01.000Z',
      healedAt: '2026-01-02T03:04:02.000Z',
    },
  ]);
});

test('one that was never healed is still there, and the same fault again is another', () => {
  const intervals = intervalsOf(journal(null, [undo, proven, healed, undo]), 'lab');
  expect(intervals.map(({ provenAt, healedAt }) => [provenAt !== null, healedAt !== null])).toEqual([
    [true, true],
    [false, false],
  ]);
});

test('a run’s faults are those of the instance that its journal names', () => {
  const events = [
    ...journal('sound', [ready('restart-sound-1'), undo, proven, healed]),
    ...journal('naive', [ready('restart-naive-1'), undo]),
  ];
  expect(intervalsOf(events, 'restart-sound-1')).toHaveLength(1);
  expect(intervalsOf(events, 'restart-naive-1')).toMatchObject([{ healedAt: null }]);
  expect(intervalsOf(events, 'lab')).toEqual([]);
});
