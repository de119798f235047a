import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../pipeline/contract/errors.ts';
import { UsageError } from '../errors.ts';
import type { LabControl } from './lab.ts';

export type RuntimeName = 'process' | 'docker';

/**
 * The control for the lab in a folder: by the runtime in its run file, or the one asked for where there is no lab
 * yet.
 * @throws LabError CDC-5210 if the folder holds a lab of another runtime than the one asked for.
 */
export async function controlOf(dir: string, asked?: RuntimeName): Promise<LabControl> {
  const there = runtimeIn(dir);
  if (there !== undefined && asked !== undefined && there !== asked) {
    throw otherRuntime(dir, there, asked);
  }
  if (there === 'external') {
    throw new UsageError(
      `The folder ${dir} belongs to an external target.`,
      'Pass its configuration with --config, or choose another folder with --dir.',
    );
  }
  if ((there ?? asked) === 'docker') return (await import('./docker/docker-control.ts')).dockerLabControl;
  return (await import('./process/process-control.ts')).labControl;
}

export function otherRuntime(dir: string, there: string, asked: string): LabError {
  return new LabError('CDC-5210', `The lab in ${dir} uses the ${there} runtime, not ${asked}.`, {
    remedy: 'Choose another folder with --dir, or run `cdc-lab clean` first.',
  });
}

/**
 * Undefined if there is no lab. An unreadable run file counts as the process runtime's, whose control reports it.
 */
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
