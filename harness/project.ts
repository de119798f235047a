import { join } from 'node:path';

/** The folder of package.json. */
export const PROJECT_DIR = join(import.meta.dirname, '..');
