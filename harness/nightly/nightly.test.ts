import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { PROJECT_DIR } from '../project.ts';
import { STAGES } from './stages.ts';
import { type StageResult, summaryOf, testsIn } from './summary.ts';

const { scripts } = JSON.parse(readFileSync(join(PROJECT_DIR, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

it.each(STAGES)('the stage $name is a command that exists', ({ command }) => {
  const last = command.at(-1) ?? '';
  if (command[0] === 'npm') expect(Object.keys(scripts)).toContain(last);
  if (command[0] === 'vitest') expect(existsSync(join(PROJECT_DIR, last))).toBe(true);
});

it('every switch that makes a test of the whole lab longer is set by a stage', () => {
  const folder = join(PROJECT_DIR, 'harness/e2e');
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith('.lab.test.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
  const switches = texts.flatMap((text) =>
    [...text.matchAll(/process\.env\.(CDC_LAB_\w+)/g)].map(([, name]) => name),
  );
  const commands = STAGES.map(({ command, env = {} }) =>
    [...Object.keys(env), scripts[command.at(-1) ?? ''] ?? ''].join(' '),
  ).join(' ');
  expect(switches.length).toBeGreaterThan(5);
  expect([...new Set(switches)].filter((name) => !commands.includes(name ?? '?'))).toEqual([]);
});

it('the summary counts tests, and names those that failed', () => {
  const dir = mkdtempSync(join(makeTestFolder(), 'nightly-'));
  expect(testsIn(dir)).toEqual({ passed: null, failures: [] });
  const one = (fullName: string, status: string) => ({ fullName, status });
  const report = {
    numPassedTests: 1,
    testResults: [{ assertionResults: [one('a', 'passed'), one('b c', 'failed')] }],
  };
  writeFileSync(join(dir, 'vitest-1.json'), JSON.stringify(report));
  const tests = testsIn(dir);
  expect(tests).toEqual({ passed: 1, failures: ['b c'] });
  const reason = 'exit code 1, see rows.log';
  const failed: StageResult = { name: 'rows', outcome: 'failed', seconds: 200, ...tests, reason };
  const left: StageResult = {
    ...{ name: 'engines', outcome: 'not run', seconds: 0, passed: null, failures: [] },
    reason: 'no jars',
  };
  expect(summaryOf([failed, left], join(PROJECT_DIR, 'reports/nightly/abc'))).toBe(
    [
      '✖ rows     1 passed, 1 failed · exit code 1, see rows.log · 3 min',
      '    b c',
      '– engines  no jars',
      '0 stages passed, 1 failed, 1 not run',
      'logs: reports/nightly/abc/',
      '',
    ].join('\n'),
  );
});
