import { LabError } from '../../pipeline/contract/errors.ts';
import type { Lab } from '../lab/lab.ts';
import { replayUndo } from './replay-undo.ts';
import { UndoLog } from './undo-log.ts';

/**
 * Heals what a killed run left broken in a folder that is about to be removed: the undo log in it is the only record.
 * @param open Connects to the lab; called only where something has to be healed.
 * @throws LabError CDC-5404 where something cannot be healed: then the folder must stay.
 */
export async function healLeftovers(stateDir: string, open: () => Promise<Lab>): Promise<void> {
  const undo = new UndoLog(stateDir);
  const left = undo.outstanding();
  if (left.length === 0) return;
  try {
    await replayUndo(await open(), new AbortController().signal);
  } catch (cause) {
    const what = left.map(({ fault }) => fault).join(', ');
    throw new LabError(
      'CDC-5404',
      `What a run has left broken cannot be undone (${what}): nothing is removed.`,
      {
        remedy: `Have the target answer, and clean again; or undo it by hand, and remove ${undo.file}.`,
        cause,
      },
    );
  }
}
