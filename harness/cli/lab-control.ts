import type { Instance, Lab, LabControl } from '../lab/instance.ts';
import { UnavailableError } from '../runner/usage-error.ts';
import type { CliContext } from './context.ts';

/** Loaded late: `--help` needs none of it. */
export async function loadLabControl(): Promise<LabControl> {
  const { labControl } = await import('../lab/control.ts');
  return labControl;
}

/** @throws UnavailableError where no lab stands in the folder. */
export async function openLab(context: CliContext): Promise<Lab> {
  const lab = await (await loadLabControl()).open(context.dir);
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
    name === 'lab' ? 'start it: cdc-lab up' : 'instances of a run are dropped unless it had --keep';
  throw new UnavailableError(`the lab in ${context.dir} has no pipeline ${name}`, remedy);
}
