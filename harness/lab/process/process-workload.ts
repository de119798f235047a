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
import { sizeOf, tail } from '../services/log-file.ts';
import { isAlive } from '../state/process-table.ts';
import type { RunFile } from '../state/run-file.ts';
import type { ProcessRuntime } from './process-runtime.ts';

const BEGIN_WITHIN_MS = 20_000;

export interface WorkloadContext {
  readonly plan: Pick<InstancePlan, 'name' | 'sourceUrl' | 'ledgerPath'>;
  readonly stateDir: string;
  readonly runtime: ProcessRuntime;
  readonly runFile: RunFile;
}

/**
 * Starts a workload as a process, beside those that run.
 * @throws LabError CDC-5122, from the handle, if the process ends without a summary.
 */
export async function startWorkload(context: WorkloadContext, spec: WorkloadSpec): Promise<StartedWorkload> {
  const { runtime, runFile, plan, stateDir } = context;
  const service = freeWorkloadName(await runtime.services(), plan.name);
  const prepared = workloadService(plan, spec, stateDir, service);
  const logStart = sizeOf(prepared.log);
  const ledgerStart = sizeOf(plan.ledgerPath);
  await runtime.launch(prepared);
  const identity = runFile.read()?.services[service]?.process;
  if (identity == null) throw new Error(`${service} has no record`);
  const process = {
    runs: () => isAlive(identity),
    stop: () => runtime.stop(service),
    summary: () => summaryOf(tail(prepared.log, logStart), service, prepared.log),
  };
  await workloadBegun(plan.ledgerPath, ledgerStart, process, BEGIN_WITHIN_MS);
  await mustKeepWriting(service, spec, process);
  return startedWorkload(service, process);
}

function summaryOf(lastLines: string, service: string, log: string): WorkloadSummary {
  const summary = summaryIn(lastLines);
  if (summary !== undefined) return summary;
  throw new LabError('CDC-5122', `${service} ended without a summary. Its last log lines:\n${lastLines}`, {
    remedy: `Read ${log}.`,
  });
}
