import { expect, test } from 'vitest';
import type { Report } from '../../verifier/report.ts';
import { painter, renderReport } from './tables.ts';

const REPORT: Report = {
  ...{ schemaVersion: 1, verdict: 'PASS', at: '2026-01-01T00:00:00.000Z', durationMs: 1, coverage: 1 },
  ...{ window: { fromLsn: null, toLsn: null }, tables: [], findings: [], progress: null },
  ...{ ledger: null, deliveries: null, connectors: [] },
  checks: [
    { check: 'ledger', verdict: 'PASS', status: 'not-applicable', detail: 'there is no ledger' },
    { check: 'row-counts', verdict: 'PASS', status: 'judged', detail: '2 tables, all of them counted' },
  ],
};

test('a check that has nothing to look at prints a dash and the reason instead of PASS', () => {
  const lines = renderReport(REPORT, painter(false)).split('\n');
  expect(lines.find((line) => line.startsWith('ledger'))).toMatch(
    /^ledger +– +not applicable: there is no ledger$/,
  );
  expect(lines.find((line) => line.startsWith('row-counts'))).toMatch(/^row-counts +PASS +2 tables/);
});

test('between two databases without a pipeline, no fence is said to be passed', () => {
  const window = { fromLsn: '0/1F72DC0', toLsn: null };
  const fence = { check: 'fence', verdict: 'PASS', detail: '' } as const;
  const summary = (status: 'judged' | 'not-applicable') =>
    renderReport({ ...REPORT, window, checks: [{ ...fence, status }] }, painter(false))
      .split('\n')
      .at(-2);
  expect(summary('judged')).toContain('fence 0/1F72DC0');
  expect(summary('not-applicable')).not.toContain('fence');
});

test('what limits the memory of earlier verifications is said', () => {
  const memory = { file: null, verifications: 0, since: null, note: 'no earlier verification is known' };
  expect(renderReport({ ...REPORT, memory }, painter(false))).toContain('  no earlier verification is known');
});
