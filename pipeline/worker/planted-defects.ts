import { readdir } from 'node:fs/promises';
import { LabError } from '../contract/errors.ts';
import type { Defect } from '../contract/stages.ts';

const STAGES = ['publish', 'offsets', 'admit', 'apply'] as const satisfies readonly (keyof Defect)[];

/**
 * Loads planted defects by name. This happens at run time, so that no module of the pipeline depends on one.
 * @throws LabError CDC-3006 if a name has no file, or the file is not a defect.
 */
export async function loadDefects(names: readonly string[], folder: URL): Promise<readonly Defect[]> {
  if (names.length === 0) return [];
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  const loaded: Defect[] = [];
  for (const name of names) {
    if (!files.includes(`${name}.ts`)) {
      throw new LabError('CDC-3006', `There is no planted defect '${name}'.`, {
        remedy: `The files of fixtures/defects/ are: ${files.join(', ')}.`,
      });
    }
    const module: { default?: unknown } = await import(new URL(`${name}.ts`, folder).href);
    if (!isDefect(module.default)) {
      throw new LabError('CDC-3006', `fixtures/defects/${name}.ts is not a planted defect.`, {
        remedy:
          'Its default export needs a name, a description, and a function for each stage that it wraps.',
      });
    }
    loaded.push(module.default);
  }
  return loaded;
}

function isDefect(value: unknown): value is Defect {
  if (typeof value !== 'object' || value === null) return false;
  if (!('name' in value && typeof value.name === 'string')) return false;
  if (!('description' in value && typeof value.description === 'string')) return false;
  const stages = new Map(Object.entries(value));
  return STAGES.every((stage) => ['undefined', 'function'].includes(typeof stages.get(stage)));
}
