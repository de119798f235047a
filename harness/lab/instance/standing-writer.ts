import { DEFAULT_RATE, DEFAULT_SEED } from '../defaults.ts';
import type { Instance, LabWriter, UpOptions } from '../lab.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import { type LabContext, readRun } from './lab-context.ts';
import { freeWorkloadName } from './started-workload.ts';

/** The workload that `up` keeps running on the instance `lab`, as it is recorded and as it is. */
export async function standingWriter({ runFile, runtime }: LabContext): Promise<LabWriter | undefined> {
  const recorded = runFile.read()?.writer;
  if (recorded === undefined) return undefined;
  const info = (await runtime.services()).find(({ name }) => name === recorded.service);
  return { ...recorded, state: info?.state ?? 'stopped', log: info?.log ?? '' };
}

/**
 * Makes the writer as it is wanted: starts it, resumes it, or replaces it by one with another rate. Its rate is on disk
 * before it is started, so that after a crash the next `up` finds it.
 */
export async function setWriter(
  context: LabContext,
  instance: Pick<Instance, 'startWorkload'>,
  { rate: asked, progress }: Pick<UpOptions, 'rate' | 'progress'>,
): Promise<void> {
  const { runFile, runtime } = context;
  const before = await standingWriter(context);
  const rate = asked ?? before?.rate ?? DEFAULT_RATE;
  const lives = before?.state === 'running' || before?.state === 'paused';
  if (lives && before.state === 'paused') {
    await runtime.resume?.(before.service);
    progress(`${before.service} is resumed`);
  }
  if (lives && before.rate === rate) return;
  if (lives) await runtime.stop?.(before.service);
  const service = freeWorkloadName(await runtime.services(), LAB_INSTANCE);
  await runFile.update((run) => {
    run.writer = { service, rate };
  });
  if (rate === 0) {
    if (lives) progress('the writer is stopped');
    return progress('no writer runs; cdc-lab up --rate N starts one');
  }
  const seed = readRun(runFile).instances[LAB_INSTANCE]?.spec.seed ?? DEFAULT_SEED;
  await instance.startWorkload({ kind: 'mixed', rate, seed, transactions: null });
  const was = lives ? `, ${before.rate} before` : '';
  progress(`the writer writes ${rate} transactions/s${was}`);
}
