import { planOf, readRun } from '../instance/lab-context.ts';
import { refuseOtherPipeline, standingSpec, startStandingWorkload } from '../instance/standing-pipeline.ts';
import type { UpOptions } from '../lab.ts';
import { LAB_INSTANCE, markReady, recordInstance } from '../state/record-instance.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import type { DockerLabContext } from './docker-context.ts';
import { dockerLab } from './docker-lab.ts';

/**
 * Writes down which pipeline `docker-compose.yml` is to run, where none is written down yet.
 * @throws LabError CDC-5144 where one of other engines stands.
 */
export async function recordStanding(
  { runFile, stateDir }: Pick<DockerLabContext, 'runFile' | 'stateDir'>,
  options: UpOptions,
): Promise<void> {
  const record = readRun(runFile).instances[LAB_INSTANCE];
  if (record !== undefined) {
    refuseOtherPipeline(record.spec, options, stateDir);
    return;
  }
  await recordInstance(runFile, standingSpec(options));
}

/** The record that stands, where one does: what a failed `up` goes back to. */
export function standingRecord({ runFile }: Pick<DockerLabContext, 'runFile'>): InstanceRecord | undefined {
  return runFile.read()?.instances[LAB_INSTANCE];
}

/**
 * After an `up` that failed: a record that it made itself, and whose pipeline never stood, must not hinder one of other
 * engines.
 * @param before What {@link standingRecord} said when it began.
 */
export async function forgetUnfinished(
  { runFile }: Pick<DockerLabContext, 'runFile'>,
  before: InstanceRecord | undefined,
): Promise<void> {
  if (before !== undefined) return;
  await runFile.update((run) => {
    if (run.instances[LAB_INSTANCE]?.state !== 'ready') delete run.instances[LAB_INSTANCE];
  });
}

/** Waits until all of it answers, and starts a workload where one is asked for and none writes. */
export async function startStanding(context: DockerLabContext, options: UpOptions): Promise<void> {
  const { runtime, runFile } = context;
  const record = readRun(runFile).instances[LAB_INSTANCE];
  if (record === undefined) return;
  const { services } = planOf(context, record);
  for (const service of Object.values(services)) await runtime.start(service, options.signal);
  await markReady(runFile, LAB_INSTANCE);
  options.progress(`pipeline ${LAB_INSTANCE} runs`);
  await startStandingWorkload(dockerLab(context), options);
}
