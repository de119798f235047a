import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT_DIR } from '../project.ts';
import { sourceFiles } from './source-files.ts';

const LONGEST_FILE = 400;
/** Exceptions, each with its reason. Best empty. */
const LONGER: readonly string[] = [
  // Tables of cases that share one set-up.
  'pipeline/worker/server.test.ts',
];

test(`no file has more than ${LONGEST_FILE} lines, except those listed here`, () => {
  const long = sourceFiles()
    .filter((file) => file.text.split('\n').length > LONGEST_FILE)
    .map((file) => file.path);
  expect(long.filter((path) => !LONGER.includes(path))).toEqual([]);
});

test('the lock file names no registry, so that npm installs from the configured one', () => {
  const lock: unknown = JSON.parse(readFileSync(join(PROJECT_DIR, 'package-lock.json'), 'utf8'));
  const packages = Object.values((lock as { packages: Record<string, { resolved?: string }> }).packages);
  expect(packages.length).toBeGreaterThan(50);
  expect(packages.filter((entry) => entry.resolved !== undefined)).toEqual([]);
});

test('no module is a barrel, which only re-exports what others export', () => {
  const barrels = sourceFiles().filter(({ text }) => {
    const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
    const statements = code.split(';').map((statement) => statement.trim());
    const said = statements.filter((statement) => statement !== '');
    return said.length > 0 && said.every((statement) => /^export\s[\s\S]*\sfrom\s+'/.test(statement));
  });
  expect(barrels.map((file) => file.path)).toEqual([]);
});

test('no file tells the type checker to ignore an error', () => {
  const found = sourceFiles()
    .filter((file) => !file.path.startsWith('harness/conventions/'))
    .filter((file) => /@ts-(?:ignore|nocheck|expect-error)/.test(file.text))
    .map((file) => file.path);
  expect(found).toEqual([]);
});
