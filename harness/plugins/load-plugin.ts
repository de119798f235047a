import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { LabError } from '../../pipeline/contract/errors.ts';
import { didYouMean } from '../../pipeline/contract/nearest.ts';
import { UsageError } from '../errors.ts';

/** The repository's root: plug-in folders are named relative to it. */
export const ROOT = path.resolve(import.meta.dirname, '../..');

const PLUGIN_FILE = /^[a-z][a-z0-9]*(-[a-z0-9]+)*\.ts$/;

/**
 * Ids of the plug-ins in a folder: one kebab-case file each, tests left out.
 *
 * @throws LabError if a file's name is not a legal id: the file would be ignored.
 */
export async function pluginIds(folder: string): Promise<string[]> {
  const entries = await readdir(path.join(ROOT, folder), { withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => entry.name);
  const candidates = files.filter((name) => !name.endsWith('.test.ts'));
  const illegal = candidates.find((name) => !PLUGIN_FILE.test(name));
  if (illegal !== undefined) {
    throw new LabError('CDC-5010', `${folder}/${illegal} is not a plug-in: its name is not in kebab case`, {
      remedy: 'rename it, as in duplicate-resnapshot.ts',
    });
  }
  return candidates.map((name) => name.slice(0, -'.ts'.length)).sort();
}

/**
 * Folders of plug-ins in a folder that holds nothing else.
 *
 * @throws LabError for a file beside the folders: it would be ignored.
 */
export async function pluginFolders(folder: string): Promise<string[]> {
  const entries = await readdir(path.join(ROOT, folder), { withFileTypes: true });
  const astray = entries.find((entry) => entry.isFile() && entry.name.endsWith('.ts'));
  if (astray !== undefined) {
    throw new LabError('CDC-5010', `${folder}/${astray.name} lies outside the folders of ${folder}/`, {
      remedy: `move it into one of them, such as ${folder}/lessons/`,
    });
  }
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/**
 * Default export of the plug-in `id` in `folder`, unchecked.
 *
 * @throws UsageError if there is no such file, naming the nearest; LabError if it has no default export.
 */
export async function loadPlugin(folder: string, kind: string, id: string): Promise<unknown> {
  const known = await pluginIds(folder);
  if (!known.includes(id)) {
    throw new UsageError(
      `there is no ${kind} "${id}".${didYouMean(id, known)}`,
      `known: ${known.join(', ')}`,
    );
  }
  const file = path.join(ROOT, folder, `${id}.ts`);
  const module: unknown = await import(pathToFileURL(file).href);
  if (typeof module !== 'object' || module === null || !('default' in module)) {
    throw new LabError('CDC-5011', `${folder}/${id}.ts has no default export`, {
      remedy: `export the ${kind} as the file's default`,
    });
  }
  return module.default;
}

/** @throws LabError CDC-5012 for a plug-in that lacks a method, or its description. */
export function assertMethods(value: unknown, methods: readonly string[], where: string): void {
  const object: Record<string, unknown> = typeof value === 'object' && value !== null ? { ...value } : {};
  const lacks = methods.filter((method) => typeof object[method] !== 'function');
  if (typeof object.description !== 'string' || object.description === '') lacks.push('description');
  if (lacks.length === 0) return;
  throw new LabError('CDC-5012', `${where} lacks ${lacks.join(', ')}`, {
    remedy: 'compare it with its neighbours; CONTRIBUTING.md says what each part is for',
  });
}
