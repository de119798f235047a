import { expect, onTestFinished, test, vi } from 'vitest';
import type { CheckResult } from '../check.ts';
import { contextOf } from '../testing/context.ts';
import type { Content } from './comparison.ts';
import { periodically } from './periodic-check.ts';
import { VerifierMemory } from './verifier-memory.ts';

/** A check of a service whose tables are followed and equal, and how often it looked. */
function followed(found: () => Pick<CheckResult, 'verdict'>) {
  let looks = 0;
  const check = periodically('test', async () => {
    looks++;
    return { ...found(), detail: 'seen', findings: [] };
  });
  const tables = [{ comparison: { equal: true } }];
  const content = { tables, scans: { tables: [{ compared: 'changed keys' }] } } as unknown as Content;
  const context = contextOf({
    config: { incremental: { scanEveryMs: 60_000 } },
    memory: new VerifierMemory(),
    evidence: { content: async () => content },
  });
  return { run: () => check(context), looks: () => looks };
}

test('what passed is repeated within the scan period, and nothing else is', async () => {
  let verdict: CheckResult['verdict'] = 'INCONCLUSIVE';
  const { run, looks } = followed(() => ({ verdict }));
  for (let n = 0; n < 2; n++) await run();
  expect(looks()).toBe(2);
  verdict = 'PASS';
  await run();
  expect([(await run()).detail, looks()]).toEqual([
    expect.stringMatching(/^seen \(whole tables read at \d\d:\d\d:\d\d\)$/),
    3,
  ]);
});

test('a clock that is set back prolongs no scan period', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const { run, looks } = followed(() => ({ verdict: 'PASS' }));
  await run();
  vi.advanceTimersByTime(61_000);
  vi.setSystemTime(Date.now() - 3_600_000);
  await run();
  expect(looks()).toBe(2);
});
