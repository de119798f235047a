import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import { PROJECT_DIR } from '../../project.ts';
import { type CodeBlock, codeBlocks } from '../code-blocks.ts';

const COPIED = ['harness', 'pipeline', 'verifier', 'fixtures', 'scenarios'];
const CONFIGURATION = ['package.json', 'tsconfig.json', 'biome.json', '.gitignore'];
/** Packages and caches are the same in every copy. */
const LINKED = ['node_modules', '.cache'];

/** A copy of the project with the files of a page's code blocks. */
export interface Tree {
  readonly dir: string;
  /** Files that the blocks became, relative to `dir`. */
  readonly files: readonly string[];
  load<T>(file: string): Promise<T>;
}

/** The blocks of CONTRIBUTING.md that name a file. */
export function tutorialBlocks(): (CodeBlock & { readonly file: string })[] {
  const page = readFileSync(join(PROJECT_DIR, 'CONTRIBUTING.md'), 'utf8');
  return codeBlocks(page).flatMap((block) => (block.file === null ? [] : [{ ...block, file: block.file }]));
}

/**
 * Copies the project and adds the blocks as files. An earlier step of a file goes into a folder beside the file's own,
 * `verifier/checks/x.ts` into `verifier/step-1/x.ts`: its imports resolve there, and no loader finds it. A loader looks
 * into every folder of `scenarios/`, so a scenario's earlier step goes into a folder beside that.
 */
export function treeWith(blocks: readonly (CodeBlock & { readonly file: string })[]): Tree {
  const dir = join(makeTestFolder(), 'project');
  mkdirSync(dir);
  for (const folder of COPIED) cpSync(join(PROJECT_DIR, folder), join(dir, folder), { recursive: true });
  for (const file of CONFIGURATION) cpSync(join(PROJECT_DIR, file), join(dir, file));
  for (const folder of LINKED) symlinkSync(join(PROJECT_DIR, folder), join(dir, folder));
  const files = blocks.map(fileOf);
  for (const [index, block] of blocks.entries()) {
    const file = join(dir, files[index] ?? '');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, block.text, { flag: 'wx' });
  }
  return { dir, files, load: (file) => import(pathToFileURL(join(dir, file)).href) };
}

function fileOf({ file, step }: { readonly file: string; readonly step: number | null }): string {
  if (step === null) return file;
  if (file.startsWith('scenarios/')) return file.replace('scenarios', `step-${step}`);
  return file.replace(/[^/]+(?=\/[^/]+$)/, `step-${step}`);
}
