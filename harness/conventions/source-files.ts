/**
 * `harness/conventions`: tests of the house rules: layers, folder imports, cycles, headers, file lengths, pages.
 * In: the text of every source file and page of the project.
 * Out: a failing test that names each offending file.
 * Promises: the rules read the file tree itself, so a new file is checked without being registered.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { PROJECT_DIR } from '../project.ts';

/** Folders of the project that contain TypeScript. */
export const HOUSE = ['scenarios', 'harness', 'fixtures', 'verifier', 'pipeline', 'bench'] as const;

export interface SourceFile {
  /** Relative to the project's folder, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Every `.ts` file of the project. */
export function sourceFiles(): SourceFile[] {
  return HOUSE.flatMap((folder) =>
    readdirSync(join(PROJECT_DIR, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => {
        const file = join(PROJECT_DIR, folder, path);
        return { path: relative(PROJECT_DIR, file), text: readFileSync(file, 'utf8') };
      }),
  );
}

export interface Import {
  /** The importing file. */
  readonly from: string;
  /** The imported file's path from the project's folder, or the name of a package. */
  readonly to: string;
  readonly isPackage: boolean;
}

/** Static, type-only and dynamic imports and re-exports with a literal target. */
export function importsOf(file: SourceFile): Import[] {
  const code = file.text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const targets = code.matchAll(
    /^(?:import|export|\})[^'"`;]*?from '([^']+)'|^import '([^']+)'|import\('([^']+)'\)/gm,
  );
  return [...targets].map(([, from, sideEffect, dynamic]) => {
    const target = from ?? sideEffect ?? dynamic ?? '';
    const isPackage = !target.startsWith('.');
    return { from: file.path, to: isPackage ? target : join(dirname(file.path), target), isPackage };
  });
}
