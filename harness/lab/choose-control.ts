import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../pipeline/contract/errors.ts';
import { UsageError } from '../errors.ts';
import type { LabControl } from './lab.ts';

export type RuntimeName = 'process' | 'docker';

/**
 * The control of the lab in a folder: what its run file says, or what is asked for where there is no lab yet.
 * @throws LabError CDC-5210 where the folder holds a lab of another runtime than the one asked for.
 */
export async function controlOf(dir: string, asked?: RuntimeName): Promise<LabControl> {
  const there = runtimeIn(dir);
  if (there !== undefined && asked !== undefined && there !== asked) {
    throw otherRuntime(dir, there, asked);
  }
  if (there === 'external') {
    throw new UsageError(
      `The folder ${dir} is that of a target that somebody else runs.`,
      'Name its configuration with --config, or take another folder with --dir.',
    );
  }
  if ((there ?? asked) === 'docker') return (await import('./docker/docker-control.ts')).dockerLabControl;
  return (await import('./process/process-control.ts')).labControl;
}

export function otherRuntime(dir: string, there: string, asked: string): LabError {
  return new LabError('CDC-5210', `The lab in ${dir} is one of the ${there} runtime, not of ${asked}.`, {
    remedy: `Give --dir another folder, or \`cdc-lab clean\` first.`,
  });
}

/** What a run file that cannot be read means is for the control to say. */
export function runtimeIn(dir: string): RuntimeName | 'external' | undefined {
  const path = join(dir, 'run.json');
  if (!existsSync(path)) return undefined;
  try {
    const run: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const runtime = typeof run === 'object' && run !== null && 'runtime' in run ? run.runtime : 'process';
    return runtime === 'docker' || runtime === 'external' ? runtime : 'process';
  } catch (error) {
    if (error instanceof SyntaxError) return 'process';
    throw error;
  }
}
