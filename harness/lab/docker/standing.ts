import type { UpOptions } from '../instance.ts';
import { LAB_INSTANCE, recordInstance } from '../record-instance.ts';
import { refuseOtherPipeline } from '../refuse-other-pipeline.ts';
import { standingSpec, startStandingWorkload } from '../standing-pipeline.ts';
import { type DockerLabContext, readRun } from './context.ts';
import { DockerLab } from './docker-lab.ts';
import { planOf } from './instance.ts';

/**
 * Writes down which pipeline `docker-compose.yml` is to run, where none is written down yet.
 * @throws LabError CDC-5144 where one of other engines stands.
 */
export async function recordStanding(
  { runFile, stateDir }: DockerLabContext,
  options: UpOptions,
): Promise<void> {
  const record = readRun(runFile).instances[LAB_INSTANCE];
  if (record !== undefined) {
    refuseOtherPipeline(record.spec, options, stateDir);
    return;
  }
  await recordInstance(runFile, standingSpec(options));
}

/** Waits until all of it answers, and starts a workload where one is asked for and none writes. */
export async function startStanding(context: DockerLabContext, options: UpOptions): Promise<void> {
  const { runtime, runFile } = context;
  const record = readRun(runFile).instances[LAB_INSTANCE];
  if (record === undefined) return;
  const { services } = planOf(context, record);
  for (const service of Object.values(services)) await runtime.start(service, options.signal);
  await runFile.update((run) => {
    const mine = run.instances[LAB_INSTANCE];
    if (mine !== undefined) mine.state = 'ready';
  });
  options.progress(`pipeline ${LAB_INSTANCE} runs`);
  await startStandingWorkload(new DockerLab(context), options);
}
