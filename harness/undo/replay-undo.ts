import { openAccess } from '../access/live-access.ts';
import type { Lab } from '../lab/lab.ts';
import { loadFault } from '../plugins/catalogue.ts';
import { withDeadline } from '../wait.ts';
import { UndoLog } from './undo-log.ts';

const HEAL_WITHIN_MS = 30_000;

/**
 * Heals what a killed run had injected and nobody has healed since, the latest first.
 * A fault on a pipeline that is gone needs no healing. Returns what was done, as sentences.
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
          fault.params.parse(params),
        ),
      );
      said.push(`healed ${faultName} on ${name}: ${healed.said}`);
    }
    undo.done(id);
  }
  return said;
}
