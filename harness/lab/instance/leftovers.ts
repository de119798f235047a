import { messageOf } from '../../../pipeline/contract/errors.ts';
import { settleAll } from '../../settle-all.ts';
import type { NotDropped } from '../lab.ts';
import { type Proof, proof, serversRun } from '../runtime.ts';
import { isAlive } from '../state/process-table.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import type { InstanceRecord, Run } from '../state/run-file.ts';
import { bootstrapServersOf } from './brokers.ts';
import { dropEmptyGroups } from './instance-topics.ts';
import { type LabContext, planOf, readRun } from './lab-context.ts';

/** Whether the process that the instance belonged to has ended. */
export function isOrphan({ owner }: InstanceRecord): boolean {
  return owner !== null && !isAlive(owner);
}

/** Whether it has no owner and is not ready: its set-up was never finished, or `down` could not drop a kept one. */
export function isUnfinished({ owner, state }: InstanceRecord): boolean {
  return owner === null && state === 'creating';
}

/** Instances that a run was asked to keep. */
function keptInstances(run: Run): readonly InstanceRecord[] {
  return Object.values(run.instances).filter(({ name, owner }) => owner === null && name !== LAB_INSTANCE);
}

/**
 * Drops the kept instances. One that cannot be dropped, as when a server is down, stays recorded as unfinished: the next
 * `up` drops it.
 */
export async function dropKept(
  context: Pick<LabContext, 'runFile' | 'runtime'>,
  drop: (name: string) => Promise<void>,
  notDropped: (one: NotDropped) => void = () => undefined,
): Promise<readonly Proof[]> {
  const run = context.runFile.read();
  const kept = run === undefined ? [] : keptInstances(run);
  if (kept.length === 0) return [];
  await context.runFile.update(({ instances }) => {
    for (const { name } of kept) if (instances[name] !== undefined) instances[name].state = 'creating';
  });
  const areUp = serversRun(await context.runtime.services());
  const proofs = kept.map(async ({ name }): Promise<readonly Proof[]> => {
    try {
      if (!areUp) throw new Error('its servers do not run');
      await drop(name);
      return [proof('dropped', name, { kept: true })];
    } catch (error) {
      notDropped({ name, reason: messageOf(error) });
      return [];
    }
  });
  return (await Promise.all(proofs)).flat();
}

/** Drops the instances that an earlier run left behind, and consumer groups that outlived their instance. */
export async function dropLeftovers(
  context: LabContext,
  isLeftover: (record: InstanceRecord) => boolean,
  drop: (name: string) => Promise<void>,
  progress: (step: string) => void,
): Promise<void> {
  const run = readRun(context.runFile);
  const records = Object.values(run.instances);
  const left = records.filter(isLeftover);
  if (left.length === 0) return;
  await settleAll(left.map(({ name }) => drop(name)));
  for (const { name } of left) progress(`dropped ${name}, left by an earlier run`);
  const kept = records.filter((record) => !left.includes(record)).map((record) => planOf(context, record));
  await dropEmptyGroups(bootstrapServersOf(run), new Set(kept.map((plan) => plan.consumerGroup)));
}
