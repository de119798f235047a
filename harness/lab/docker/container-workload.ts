import { LabError } from '../../../pipeline/contract/errors.ts';
import type { InstancePlan } from '../instance/instance-plan.ts';
import { workloadService } from '../instance/instance-processes.ts';
import {
  freeWorkloadName,
  mustKeepWriting,
  startedWorkload,
  summaryIn,
  workloadBegun,
} from '../instance/started-workload.ts';
import type { StartedWorkload, WorkloadSpec, WorkloadSummary } from '../lab.ts';
import { sizeOf } from '../services/log-file.ts';
import { findService } from './containers.ts';
import type { DockerLabContext } from './docker-context.ts';
import { containerOf, inNetwork } from './lab-container.ts';
import { launch } from './launch.ts';
import { readLog } from './logs.ts';

const BEGIN_WITHIN_MS = 60_000;
const LAST_LINES = 15;

/**
 * Starts a workload in a container, beside those that run.
 * @throws LabError CDC-5208, from the handle, if the container ends without a summary.
 */
export async function startWorkload(
  context: DockerLabContext,
  plan: InstancePlan,
  spec: WorkloadSpec,
): Promise<StartedWorkload> {
  const { runtime, stateDir } = context;
  const service = freeWorkloadName(await runtime.services(), plan.name);
  const prepared = workloadService(inNetwork(plan), spec, stateDir, service);
  const ledgerStart = sizeOf(plan.ledgerPath);
  await launch(runtime, containerOf(context, plan, prepared, null));
  const { container } = await findService(runtime.docker, runtime.runId, service);
  const process = {
    // Not by the engine's own wait: that is one request, and when its client times out, its promise never settles.
    runs: async () => (await container.inspect()).State.Running,
    stop: () => runtime.stop(service),
    summary: async () => summaryOf(await readLog(container, LAST_LINES), service),
  };
  await workloadBegun(plan.ledgerPath, ledgerStart, process, BEGIN_WITHIN_MS);
  await mustKeepWriting(service, spec, process);
  return startedWorkload(service, process);
}

function summaryOf(lastLines: string, service: string): WorkloadSummary {
  const summary = summaryIn(lastLines);
  if (summary !== undefined) return summary;
  throw new LabError('CDC-5208', `${service} ended without a summary. Its last log lines:\n${lastLines}`, {
    remedy: `cdc-lab logs ${service}`,
  });
}
