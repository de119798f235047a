import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT_DIR } from '../project.ts';

/** `cdc-lab 0.1.0 (commit 6a10446, Node.js 24.21.0)`. */
export function versionText(): string {
  const { version } = JSON.parse(readFileSync(path.join(PROJECT_DIR, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const commit = commitOf(PROJECT_DIR);
  const parts = [...(commit === null ? [] : [`commit ${commit}`]), `Node.js ${process.versions.node}`];
  return `cdc-lab ${version} (${parts.join(', ')})`;
}

/** Null if it is not known: outside a clone, as in the container image, or without git. */
function commitOf(folder: string): string | null {
  // Without this, git would name the commit of a repository around the folder.
  if (!existsSync(path.join(folder, '.git'))) return null;
  try {
    const args = ['-C', folder, 'describe', '--always', '--dirty', '--exclude', '*', '--abbrev=7'];
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}
