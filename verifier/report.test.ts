import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reportJsonSchema } from './report.ts';
import { exitCodeOf, VERDICTS, worst } from './verdict.ts';

test('the published JSON Schema is the schema in the code', () => {
  const published: unknown = JSON.parse(readFileSync(new URL('report.schema.json', import.meta.url), 'utf8'));
  expect(published, 'run: node harness/runner/write-schemas.ts').toEqual(
    JSON.parse(JSON.stringify(reportJsonSchema())),
  );
});

test('the worst verdict wins, in any order', () => {
  for (const [rank, verdict] of VERDICTS.entries()) {
    const better = VERDICTS.slice(0, rank + 1);
    expect(worst(better)).toBe(verdict);
    expect(worst(better.toReversed())).toBe(verdict);
  }
});

test('a proven loss is a FAIL even if other evidence is missing, and missing evidence is never a PASS', () => {
  expect(worst(['INCONCLUSIVE', 'FAIL', 'PASS'])).toBe('FAIL');
  expect(worst(['PASS', 'INCONCLUSIVE', 'SYNC_IN_PROGRESS', 'WARN'])).toBe('INCONCLUSIVE');
  expect(worst([])).toBe('INCONCLUSIVE');
});

test('each verdict has its exit code', () => {
  expect(VERDICTS.map((verdict) => exitCodeOf(verdict))).toEqual([0, 0, 3, 2, 1]);
  expect(exitCodeOf('WARN', true)).toBe(1);
});
