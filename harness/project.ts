/**
 * `harness`: what every folder of the harness uses: the project's path, errors, waiting.
 * In: nothing; the files import only `pipeline/contract` and each other.
 * Out: `PROJECT_DIR`, error classes with their exit codes, `poll`, `until`, `withDeadline`, `settleAll`.
 * Promises: a wait for a condition has a deadline, listens to an abort signal and, when it fails, says what it waited
 * for and for how long.
 */

import { join } from 'node:path';

/** The folder of package.json. */
export const PROJECT_DIR = join(import.meta.dirname, '..');

/** Major version of Node.js: older ones cannot parse `await using`. package.json and bin/cdc-lab say the same. */
export const OLDEST_NODE = 24;
