import { UnavailableError } from '../errors.ts';
import type { RuntimeName } from '../lab/choose-control.ts';
import type { Instance, Lab, LabControl } from '../lab/lab.ts';
import type { CliContext } from './context.ts';

/** Loads the control lazily: `--help` needs none of it. @param runtime The value of `--runtime`. */
export async function loadLabControl(
  context: CliContext,
  runtime?: RuntimeName | 'external',
): Promise<LabControl> {
  if (context.external !== null) {
    const { externalControl } = await import('../lab/external/external-control.ts');
    const { healLeftovers } = await import('../undo/replay-undo.ts');
    return externalControl(context.external, healLeftovers);
  }
  const { controlOf } = await import('../lab/choose-control.ts');
  if (runtime === 'external') throw new Error('--runtime external makes a context.external');
  return controlOf(context.dir, runtime);
}

/** @throws UnavailableError if there is no lab in the folder. */
export async function openLab(context: CliContext): Promise<Lab> {
  const lab = await (await loadLabControl(context)).open(context.dir);
  if (lab !== undefined) return lab;
  throw new UnavailableError(`no lab is up in ${context.dir}`, 'start one: cdc-lab up');
}

/** The pipeline of `cdc-lab up`, or the kept one of a run. */
export async function openInstance(
  context: CliContext,
  name = 'lab',
): Promise<{ lab: Lab; instance: Instance }> {
  const lab = await openLab(context);
  const instance = await lab.instance(name);
  if (instance !== undefined) return { lab, instance };
  const remedy =
    name === 'lab' ? 'start it: cdc-lab up' : 'a run drops its pipelines, unless --keep keeps them';
  throw new UnavailableError(`the lab in ${context.dir} has no pipeline ${name}`, remedy);
}
