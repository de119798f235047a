import { planOf, readRun } from '../instance/lab-context.ts';
import { refuseOtherPipeline, standingSpec } from '../instance/standing-pipeline.ts';
import { setWriter } from '../instance/standing-writer.ts';
import type { UpOptions } from '../lab.ts';
import { LAB_INSTANCE, markReady, recordInstance } from '../state/record-instance.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import type { DockerLabContext } from './docker-context.ts';
import { dockerLab } from './docker-lab.ts';

/**
 * Records which pipeline `docker-compose.yml` is to run, unless one is recorded.
 * @throws LabError CDC-5144 if the recorded one has other engines.
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

/** The record of the standing pipeline, if there is one. */
export function standingRecord({ runFile }: Pick<DockerLabContext, 'runFile'>): InstanceRecord | undefined {
  return runFile.read()?.instances[LAB_INSTANCE];
}

/**
 * After an `up` that failed: removes the record that it made itself, unless the pipeline became ready, so that
 * the next `up` may choose other engines.
 * @param before What {@link standingRecord} returned when it began.
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

/** Waits until the whole standing pipeline answers, and starts its writer or changes its rate. */
export async function startStanding(context: DockerLabContext, options: UpOptions): Promise<void> {
  const { runtime, runFile } = context;
  const record = readRun(runFile).instances[LAB_INSTANCE];
  if (record === undefined) return;
  const { services } = planOf(context, record);
  for (const service of Object.values(services)) await runtime.start(service, options.signal);
  await markReady(runFile, LAB_INSTANCE);
  options.progress(`pipeline ${LAB_INSTANCE} runs`);
  const instance = await dockerLab(context).instance(LAB_INSTANCE);
  if (instance !== undefined) await setWriter(context, instance, options);
}
