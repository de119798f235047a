// Prints `N passed, N failed` of the vitest reports in a folder. No passed test is a failure too: an interrupted vitest exits with 0.
import { vitestResults } from '../.ci/vitest-results.mjs';

const { passed, failed } = vitestResults(process.argv[2]);
console.log(`${passed} passed, ${failed} failed`);
process.exit(passed > 0 && failed === 0 ? 0 : 1);
