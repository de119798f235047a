import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Counts passed and failed tests in a folder's JSON reports of vitest; zero if the folder does not exist. */
export function vitestResults(folder) {
  const counted = { passed: 0, failed: 0 };
  const files = existsSync(folder) ? readdirSync(folder) : [];
  for (const file of files.filter((name) => /^vitest-.*\.json$/.test(name))) {
    const report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    counted.passed += report.numPassedTests;
    counted.failed += report.numFailedTests;
    // A file that could not be loaded or set up counts as one failure: it has no tests that could fail.
    counted.failed += report.testResults.filter(
      (suite) => suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'),
    ).length;
  }
  return counted;
}
