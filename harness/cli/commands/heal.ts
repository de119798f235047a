import { startIfDown } from '../../access/instance-services.ts';
import type { ServiceKind } from '../../lab/runtime.ts';
import { holdLab } from '../../lab/state/lock.ts';
import { findStateDir } from '../../lab/state/state-dir.ts';
import { replayUndo } from '../../undo/replay-undo.ts';
import { type CliContext, EXIT, printJson, say } from '../context.ts';
import { openLab } from '../lab-control.ts';

/** Servers first: a connector is healed through its worker, which needs the servers. */
const ORDER: readonly (readonly ServiceKind[])[] = [
  ['postgres', 'kafka'],
  ['worker'],
  ['verifier'],
  ['workload'],
];

/**
 * Starts services that are dead, resumes those that are paused, then undoes what is in the undo log.
 * @throws LabError CDC-5112 while another command changes the lab: that command may have broken it on purpose.
 */
export async function heal(context: CliContext): Promise<number> {
  const lab = await openLab(context);
  // A pipeline that somebody else runs has no folder before the first run.
  const stateDir = findStateDir(lab.dir);
  await using _held = stateDir === undefined ? null : await holdLab(stateDir);
  const said: string[] = [];
  const services = await lab.runtime.services();
  const broken = services.filter(
    ({ kind, state }) => state === 'paused' || (state === 'dead' && kind !== 'workload'),
  );
  for (const kinds of ORDER) {
    // Start a stage at once: the brokers of a cluster answer only when most of them run.
    const stage = broken.filter(({ kind }) => kinds.includes(kind));
    const mended = await Promise.all(
      stage.map(async ({ name, state }) => {
        const proof = await startIfDown(lab.runtime, name, context.signal);
        return proof === null ? [] : [`${name} was ${state}: ${proof.action}`];
      }),
    );
    said.push(...mended.flat());
  }
  said.push(...(await replayUndo(lab, context.signal)));
  if (context.json) printJson(context, { schemaVersion: 1, healed: said });
  else if (said.length === 0) say(context, 'nothing to heal');
  else for (const line of said) say(context, `✔ ${line}`);
  return EXIT.ok;
}
