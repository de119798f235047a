import { LabError } from '../../pipeline/contract/errors.ts';
import { accept } from '../../pipeline/contract/mistake.ts';
import { openAccess } from '../access/live-access.ts';
import type { Lab } from '../lab/lab.ts';
import { loadFault } from '../plugins/catalogue.ts';
import { withDeadline } from '../wait.ts';
import { UndoLog } from './undo-log.ts';

const HEAL_WITHIN_MS = 30_000;

/**
 * Heals the faults that a killed run injected and that are not healed yet, the latest first. A fault on a pipeline
 * that no longer exists needs no healing.
 *
 * @returns what was done, as sentences.
 */
export async function replayUndo(lab: Lab, signal: AbortSignal): Promise<string[]> {
  const undo = new UndoLog(lab.dir);
  const said: string[] = [];
  for (const { id, instance: name, fault: faultName, params } of undo.outstanding()) {
    const instance = await lab.instance(name);
    if (instance !== undefined) {
      const fault = await loadFault(faultName);
      await using access = await openAccess(instance);
      const healed = await withDeadline(`${faultName} to heal`, HEAL_WITHIN_MS, signal, (inner) =>
        fault.heal(
          { lab, instance, access, signal: inner, withinMs: HEAL_WITHIN_MS },
          accept(fault.params, params, `the parameters of ${faultName}`),
        ),
      );
      said.push(`healed ${faultName} on ${name}: ${healed.said}`);
    }
    undo.done(id);
  }
  return said;
}

/**
 * As {@link replayUndo}, before the folder is removed: the undo log in it is the only record of what is still broken.
 *
 * @param open Connects to the lab; called only where something has to be healed.
 * @throws LabError CDC-5404 if something cannot be healed: then the folder must stay.
 */
export async function healLeftovers(stateDir: string, open: () => Promise<Lab>): Promise<void> {
  const undo = new UndoLog(stateDir);
  const left = undo.outstanding();
  if (left.length === 0) return;
  try {
    await replayUndo(await open(), new AbortController().signal);
  } catch (cause) {
    const what = left.map(({ fault }) => fault).join(', ');
    const message = `Nothing is removed: a killed run left faults that cannot be healed (${what}).`;
    throw new LabError('CDC-5404', message, {
      remedy: `Bring the target back and run cdc-lab clean again; or undo the faults by hand and remove ${undo.file}.`,
      cause,
    });
  }
}
