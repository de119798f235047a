// Counts what passed and what failed: `node count.mjs RESULTS_DIR EXIT_CODE_OF_DEMO … OF_TEST … OF_DOCKER_TESTS`.
// A step that failed without a failed test (it did not start, type check, lint) counts as one failure.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vitestResults } from './vitest-results.mjs';

const [dir, demoCode, testCode, dockerCode] = process.argv.slice(2);
/** Exit code of a step that was not run, and has said why. */
const NOT_RUN = '69';
const total = { passed: 0, failed: 0 };

function add(step, code, counted) {
  const failed = counted.failed === 0 && (code !== '0' || counted.passed === 0) ? 1 : counted.failed;
  console.log(`${step}: ${counted.passed} passed, ${failed} failed (exit code ${code})`);
  total.passed += counted.passed;
  total.failed += failed;
}

function demoResults() {
  let results;
  try {
    results = JSON.parse(readFileSync(join(dir, 'demo.json'), 'utf8')).results;
  } catch (error) {
    console.error(`demo left no results: ${error.message}`);
    return { passed: 0, failed: 0 };
  }
  const passed = results.filter((result) => result.ok).length;
  return { passed, failed: results.length - passed };
}

add('make demo', demoCode, demoResults());
add('make test', testCode, vitestResults(dir));
if (dockerCode === NOT_RUN) console.log('docker tests: NOT RUN');
else add('docker tests', dockerCode, vitestResults(join(dir, 'docker')));
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
