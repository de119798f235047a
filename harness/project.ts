import { join } from 'node:path';

/** The folder of package.json. */
export const PROJECT_DIR = join(import.meta.dirname, '..');

/** Major version of Node.js: older ones cannot parse `await using`. package.json and bin/cdc-lab say the same. */
export const OLDEST_NODE = 24;
