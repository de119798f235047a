import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PROJECT_DIR } from '../project.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cdc-lab-count-'));
  mkdirSync(join(dir, 'docker'));
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** Writes a report as vitest leaves it. @param broken Number of test files that could not be loaded. */
function vitestLeft(folder: string, passed: number, failed: number, broken = 0): void {
  const suite = { status: 'failed', assertionResults: [] };
  const report = { numPassedTests: passed, numFailedTests: failed, testResults: Array(broken).fill(suite) };
  writeFileSync(join(folder, 'vitest-1.json'), JSON.stringify(report));
}

function demoLeft(...verdicts: boolean[]): void {
  writeFileSync(join(dir, 'demo.json'), JSON.stringify({ results: verdicts.map((ok) => ({ ok })) }));
}

/** Runs the count with the exit codes of the demo, the tests and the tests in containers. */
async function count(demo: number, tests: number, docker: number) {
  const args = ['.ci/count.mjs', dir, ...[demo, tests, docker].map(String)];
  const { stdout, exitCode } = await execa('node', args, { cwd: PROJECT_DIR, reject: false });
  return { lines: stdout.split('\n'), exitCode };
}

describe('the count of a CI run', () => {
  it('adds up its three steps, and exits with 0 if nothing failed', async () => {
    demoLeft(true, true);
    vitestLeft(dir, 5, 0);
    vitestLeft(join(dir, 'docker'), 3, 0);
    expect(await count(0, 0, 0)).toEqual({
      lines: [
        'make demo: 2 passed, 0 failed (exit code 0)',
        'make test: 5 passed, 0 failed (exit code 0)',
        'docker tests: 3 passed, 0 failed (exit code 0)',
        '10 passed, 0 failed',
      ],
      exitCode: 0,
    });
  });

  it('exits with 1 and says how many failed, in whichever step', async () => {
    demoLeft(true, false);
    vitestLeft(dir, 5, 1, 1);
    vitestLeft(join(dir, 'docker'), 1, 2);
    const { lines, exitCode } = await count(1, 1, 1);
    expect(lines.at(-1)).toBe('7 passed, 5 failed');
    expect(exitCode).toBe(1);
  });

  it('counts a step that failed without naming a failure, and one that ran nothing, as a failure', async () => {
    demoLeft(true);
    vitestLeft(dir, 5, 0);
    expect((await count(0, 2, 1)).lines).toEqual([
      'make demo: 1 passed, 0 failed (exit code 0)',
      'make test: 5 passed, 1 failed (exit code 2)',
      'docker tests: 0 passed, 1 failed (exit code 1)',
      '6 passed, 2 failed',
    ]);
    expect((await count(0, 0, 0)).lines).toContain('docker tests: 0 passed, 1 failed (exit code 0)');
  });

  it('says when tests in containers were not run, and counts them neither as passed nor as failed', async () => {
    demoLeft(true);
    vitestLeft(dir, 5, 0);
    rmSync(join(dir, 'docker'), { recursive: true });
    const { lines, exitCode } = await count(0, 0, 69);
    expect(lines.slice(2)).toEqual(['docker tests: NOT RUN', '6 passed, 0 failed']);
    expect(exitCode).toBe(0);
  });

  it('exits with 1 if the demo left nothing to count', async () => {
    vitestLeft(dir, 5, 0);
    const { lines, exitCode } = await count(70, 0, 69);
    expect(lines[0]).toBe('make demo: 0 passed, 1 failed (exit code 70)');
    expect(exitCode).toBe(1);
  });
});
