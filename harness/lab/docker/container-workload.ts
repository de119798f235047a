import type Docker from 'dockerode';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';
import type { InstancePlan } from '../instance/instance-plan.ts';
import { workloadService } from '../instance/instance-processes.ts';
import type { StartedWorkload, WorkloadSpec, WorkloadSummary } from '../lab.ts';
import { parseSummary } from '../process/process-workload.ts';
import { sizeOf } from '../process/spawn.ts';
import type { ServiceInfo } from '../runtime.ts';
import { findService } from './containers.ts';
import type { DockerLabContext } from './docker-context.ts';
import { containerOf, inNetwork } from './lab-container.ts';
import { launch } from './launch.ts';
import { readLog } from './logs.ts';

const BEGIN_TIMEOUT_MS = 60_000;
const LAST_LINES = 15;
/** A week: a workload that should end by itself is bounded by its transactions, not by this. */
const FINISH_TIMEOUT_MS = 7 * 24 * 3_600_000;

/** Starts a workload in a container, beside those that run. */
export async function startWorkload(
  context: DockerLabContext,
  plan: InstancePlan,
  spec: WorkloadSpec,
): Promise<StartedWorkload> {
  const { runtime, stateDir } = context;
  const service = freeName(await runtime.services(), plan.name);
  const prepared = workloadService(inNetwork(plan), spec, stateDir, service);
  const ledgerStart = sizeOf(plan.ledgerPath);
  await launch(runtime, containerOf(context, plan, prepared, null));
  const { container } = await findService(runtime.docker, runtime.runId, service);
  // Its ledger says that it has begun; before, a signal would end it without a summary.
  await poll(
    async () => {
      if (sizeOf(plan.ledgerPath) > ledgerStart) return true;
      return (await container.inspect()).State.Running ? undefined : true;
    },
    { withinMs: BEGIN_TIMEOUT_MS, everyMs: 20, maxEveryMs: 200 },
  );
  let summary: Promise<WorkloadSummary> | undefined;
  // Looks only once somebody asks: who leaves the workload running must not wait for its end.
  const finished = (): Promise<WorkloadSummary> => {
    summary ??= summaryAtEnd(container, service);
    return summary;
  };
  return {
    service,
    get finished() {
      return finished();
    },
    async stop() {
      await runtime.stop(service);
      return finished();
    },
  };
}

/** `workload@NAME`, `workload-2@NAME`, …: the first whose container does not run; names are used again. */
function freeName(services: readonly ServiceInfo[], instance: string): string {
  const busy = new Set(
    services.filter(({ state }) => state === 'running' || state === 'paused').map(({ name }) => name),
  );
  for (let number = 1; ; number++) {
    const name = number === 1 ? `workload@${instance}` : `workload-${number}@${instance}`;
    if (!busy.has(name)) return name;
  }
}

/**
 * Looks again and again: the engine's own wait is one request, which its client gives up after a while, and then
 * neither fulfils nor rejects.
 */
async function summaryAtEnd(container: Docker.Container, service: string): Promise<WorkloadSummary> {
  await poll(async () => ((await container.inspect()).State.Running ? undefined : true), {
    withinMs: FINISH_TIMEOUT_MS,
    everyMs: 20,
    maxEveryMs: 300,
  });
  return summaryOf(await readLog(container, LAST_LINES), service);
}

function summaryOf(lastLines: string, service: string): WorkloadSummary {
  const summaries = lastLines.split('\n').map(parseSummary);
  const summary = summaries.findLast((line) => line !== undefined);
  if (summary !== undefined) return summary;
  throw new LabError('CDC-5208', `${service} ended without a summary. Its last log lines:\n${lastLines}`, {
    remedy: `cdc-lab logs ${service}`,
  });
}
