import { expect, test } from 'vitest';
import { loadScenario } from '../plugins/catalogue.ts';
import { roomFor } from './disk-space.ts';

const [backfill, restart] = await Promise.all(['backfill', 'restart'].map(loadScenario));
if (backfill === undefined || restart === undefined) throw new Error('two scenarios were asked for');

test('a run needs room for its historical rows, for each variant and each copy of the events', () => {
  const sound = { scenario: backfill, variant: 'sound' } as const;
  const one = roomFor({ plan: [sound], tunables: { rows: 10_000_000 } }, 1);
  expect(one).toBeGreaterThan(50e9);
  const both = { plan: [sound, { ...sound, variant: 'naive' } as const], tunables: { rows: 10_000_000 } };
  expect(roomFor(both, 1)).toBe(2 * one);
  expect(roomFor(both, 3)).toBeGreaterThan(5 * one);
});

test('a scenario without historical rows needs no more room, even with --rows', () => {
  const plan = [{ scenario: restart, variant: 'sound' } as const];
  expect(roomFor({ plan, tunables: { rows: 10_000_000 } }, 1)).toBe(0);
});
