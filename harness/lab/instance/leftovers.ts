import { settleAll } from '../../settle-all.ts';
import { isAlive } from '../state/process-table.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import { bootstrapServersOf } from './brokers.ts';
import { dropEmptyGroups } from './instance-topics.ts';
import { type LabContext, planOf, readRun } from './lab-context.ts';

/** Whether the process that the instance belonged to has ended. */
export function isOrphan({ owner }: InstanceRecord): boolean {
  return owner !== null && !isAlive(owner);
}

/** Drops the instances that a killed run left behind, and consumer groups that outlived their instance. */
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
  for (const { name } of left) progress(`dropped ${name}, left by a run that was killed`);
  const kept = records.filter((record) => !left.includes(record)).map((record) => planOf(context, record));
  await dropEmptyGroups(bootstrapServersOf(run), new Set(kept.map((plan) => plan.consumerGroup)));
}
