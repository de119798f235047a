import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { PROJECT_DIR } from '../project.ts';

export const stageResultSchema = z.object({
  name: z.string(),
  outcome: z.enum(['passed', 'failed', 'not run']),
  seconds: z.number(),
  /** Tests that passed; null if the stage counts none. */
  passed: z.number().nullable(),
  /** Names of tests that failed. */
  failures: z.array(z.string()),
  /** Why it failed or was not run; null if it passed. */
  reason: z.string().nullable(),
});
export type StageResult = z.infer<typeof stageResultSchema>;

const vitestSchema = z.object({
  numPassedTests: z.number(),
  testResults: z.array(
    z.object({ assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })) }),
  ),
});

/** What the JSON reports of vitest in a folder count. */
export function testsIn(dir: string): Pick<StageResult, 'passed' | 'failures'> {
  const files = existsSync(dir) ? readdirSync(dir).filter((name) => /^vitest-.*\.json$/.test(name)) : [];
  if (files.length === 0) return { passed: null, failures: [] };
  const reports = files.map((file) => vitestSchema.parse(JSON.parse(readFileSync(join(dir, file), 'utf8'))));
  const tests = reports.flatMap(({ testResults }) => testResults.flatMap((one) => one.assertionResults));
  return {
    passed: reports.reduce((sum, { numPassedTests }) => sum + numPassedTests, 0),
    failures: tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  };
}

const MARKS = { passed: '✔', failed: '✖', 'not run': '–' } as const;

/** A line for each stage, and below a failed one its failed tests. */
export function summaryOf(results: readonly StageResult[], dir: string): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  const lines = results.flatMap(({ name, outcome, seconds, passed, failures, reason }) => {
    const tests =
      passed === null ? '' : `${passed} passed${failures.length === 0 ? '' : `, ${failures.length} failed`}`;
    const notes = [tests, reason ?? '', outcome === 'not run' ? '' : minutes(seconds)].filter(Boolean);
    return [
      `${MARKS[outcome]} ${name.padEnd(width)}  ${notes.join(' · ')}`,
      ...failures.map((one) => `    ${one}`),
    ];
  });
  const count = (outcome: StageResult['outcome']) => results.filter((one) => one.outcome === outcome).length;
  const total = `${count('passed')} stages passed, ${count('failed')} failed, ${count('not run')} not run`;
  return `${[...lines, total, `logs: ${relative(PROJECT_DIR, dir)}/`].join('\n')}\n`;
}

function minutes(seconds: number): string {
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
