import { startIfDown } from '../../access/instance-services.ts';
import { UnavailableError } from '../../errors.ts';
import type { Lab } from '../../lab/lab.ts';
import { isSharedServer, type ServiceInfo, type ServiceKind } from '../../lab/runtime.ts';
import { holdLab } from '../../lab/state/lock.ts';
import { findStateDir } from '../../lab/state/state-dir.ts';
import { MASK } from '../../recover/lib/config-change.ts';
import { withTarget } from '../../terminal/with-target.ts';
import { commandsToFinish } from '../../undo/recovery-log.ts';
import { replayUndo } from '../../undo/replay-undo.ts';
import { UndoLog } from '../../undo/undo-log.ts';
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
 * Starts services that are dead, resumes those that are paused, drops what a killed command has made, then undoes what
 * is in the undo log. A recovery that was interrupted is left as it is; the command that finishes it is printed.
 * @throws LabError CDC-5112 while another command changes the lab: that command may have broken it on purpose.
 * @throws UnavailableError if the lab is stopped and a fault is not undone.
 */
export async function heal(context: CliContext): Promise<number> {
  const lab = await openLab(context);
  // A pipeline that somebody else runs has no folder before the first run.
  const stateDir = findStateDir(lab.dir);
  await using _held = stateDir === undefined ? null : await holdLab(stateDir);
  if (await isStopped(lab)) {
    refuseStopped(lab);
    if (context.json) printJson(context, { schemaVersion: 1, healed: [], toFinish: [] });
    else say(context, 'nothing to heal: the lab is stopped; cdc-lab up starts it');
    return EXIT.ok;
  }
  // The servers first: without them nothing can be dropped.
  const said = await mend(context, lab, isSharedServer);
  said.push(...((await lab.dropLeftovers?.()) ?? []));
  said.push(...(await mend(context, lab, () => true)));
  said.push(...(await replayUndo(lab, context.signal)));
  const isThere = async (name: string) => (await lab.instance(name)) !== undefined;
  const toFinish = (await commandsToFinish(lab.dir, isThere)).map((one) => withTarget(one, context.target));
  if (context.json) printJson(context, { schemaVersion: 1, healed: said, toFinish });
  else if (said.length + toFinish.length === 0) say(context, 'nothing to heal');
  for (const line of context.json ? [] : said) say(context, `✔ ${line}`);
  for (const command of context.json ? [] : toFinish) {
    say(context, `a recovery was interrupted and is not rolled back; this finishes it: ${command}`);
    if (command.includes(MASK)) say(context, `  type the secret again in place of ${MASK}`);
  }
  return EXIT.ok;
}

/** Whether all servers were stopped, by `down`: then not even a look at them is possible. */
async function isStopped({ runtime }: Lab): Promise<boolean> {
  const servers = (await runtime.services()).filter(isSharedServer);
  return servers.length > 0 && servers.every(({ state }) => state === 'stopped');
}

function refuseStopped(lab: Lab): void {
  const faults = new UndoLog(lab.dir).outstanding().map(({ fault }) => fault);
  if (faults.length === 0) return;
  throw new UnavailableError(
    `The lab in ${lab.dir} is stopped, and these faults are not undone: ${faults.join(', ')}.`,
    'cdc-lab up starts it and undoes them.',
  );
}

/** Starts or resumes the services of such a kind, a stage at once: a cluster answers only when most brokers run. */
async function mend(
  { signal }: CliContext,
  lab: Lab,
  concerns: (service: ServiceInfo) => boolean,
): Promise<string[]> {
  const writer = await lab.writer?.();
  const lives = (name: string): boolean => name === writer?.service && writer.rate > 0;
  const broken = (await lab.runtime.services()).filter(
    (service) =>
      concerns(service) &&
      (service.state === 'paused' ||
        (service.state === 'dead' && (service.kind !== 'workload' || lives(service.name)))),
  );
  const said: string[] = [];
  for (const kinds of ORDER) {
    const stage = broken.filter(({ kind }) => kinds.includes(kind));
    const mended = await Promise.all(
      stage.map(async ({ name, state }) => {
        const proof = await startIfDown(lab.runtime, name, signal);
        return proof === null ? [] : [`${name} was ${state}: ${proof.action}`];
      }),
    );
    said.push(...mended.flat());
  }
  return said;
}
