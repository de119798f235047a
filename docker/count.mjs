// Prints `N passed, N failed` of the vitest reports in a folder. None passed is a failure: an interrupted vitest exits 0.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [dir] = process.argv.slice(2);
const total = { passed: 0, failed: 0 };
for (const name of readdirSync(dir).filter((file) => /^vitest-.*\.json$/.test(file))) {
  const report = JSON.parse(readFileSync(join(dir, name), 'utf8'));
  total.passed += report.numPassedTests;
  total.failed += report.numFailedTests;
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.passed > 0 && total.failed === 0 ? 0 : 1);
