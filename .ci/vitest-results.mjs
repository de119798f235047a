import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What passed and failed by vitest's JSON reports in a folder; nothing where there is no folder. */
export function vitestResults(folder) {
  const counted = { passed: 0, failed: 0 };
  const files = existsSync(folder) ? readdirSync(folder) : [];
  for (const file of files.filter((name) => /^vitest-.*\.json$/.test(name))) {
    const report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    counted.passed += report.numPassedTests;
    counted.failed += report.numFailedTests;
    // A file that could not be loaded or set up has no tests to fail.
    counted.failed += report.testResults.filter(
      (suite) => suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'),
    ).length;
  }
  return counted;
}
