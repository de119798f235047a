import { replayUndo } from '../../runner/replay-undo.ts';
import { startIfDown } from '../../runner/services.ts';
import { type CliContext, EXIT, printJson, say } from '../context.ts';
import { openLab } from '../lab-control.ts';

/** Undoes what is in the undo log, then starts what is dead and lets go on what is paused. */
export async function heal(context: CliContext): Promise<number> {
  const lab = await openLab(context);
  const said: string[] = [];
  // Servers first: to heal a connector its worker must answer, and that one needs its peers.
  const services = await lab.runtime.services();
  const broken = services.filter(({ state }) => state === 'dead' || state === 'paused');
  const order = ['postgres', 'kafka', 'worker', 'verifier', 'workload'];
  broken.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  for (const { name, state, kind } of broken) {
    if (kind === 'workload' && state === 'dead') continue;
    const proof = await startIfDown(lab.runtime, name, context.signal);
    if (proof !== null) said.push(`${name} was ${state}: ${proof.action}`);
  }
  said.push(...(await replayUndo(lab, context.signal)));
  if (context.json) printJson(context, { schemaVersion: 1, healed: said });
  else if (said.length === 0) say(context, 'nothing to heal');
  else for (const line of said) say(context, `✔ ${line}`);
  return EXIT.ok;
}
