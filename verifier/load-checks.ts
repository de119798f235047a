import { readdirSync } from 'node:fs';
import { z } from 'zod';
import { LabError } from '../pipeline/contract/errors.ts';
import { mistakeIn } from '../pipeline/contract/mistake.ts';
import type { Check } from './check.ts';

const FOLDER = new URL('checks/', import.meta.url);

const checkSchema = z.object({
  name: z.string().min(1),
  describe: z.string().min(1),
  needsFence: z.boolean(),
  run: z.custom<Check['run']>((value) => typeof value === 'function'),
});
const moduleSchema = z.object({ default: checkSchema });

/**
 * Loads every check in `checks/`, in the order of the file names.
 * @throws LabError CDC-4030 for a file that is not a check: leaving out a check silently would allow a false PASS.
 */
export async function loadChecks(): Promise<readonly Check[]> {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  const checks: Check[] = [];
  for (const file of files.sort()) {
    const module: unknown = await import(new URL(file, FOLDER).href);
    const parsed = moduleSchema.safeParse(module);
    if (!parsed.success || `${parsed.data.default.name}.ts` !== file) {
      const why = parsed.success
        ? `its name is ${parsed.data.default.name}.`
        : mistakeIn(parsed.error, { schema: moduleSchema, value: module });
      throw new LabError('CDC-4030', `verifier/checks/${file} is not a check: ${why}`, {
        remedy: 'Export as default an object with name (the name of the file), describe, needsFence and run.',
      });
    }
    // The module's object, not zod's copy: `run` may use `this`.
    checks.push((module as { default: Check }).default);
  }
  return checks;
}
