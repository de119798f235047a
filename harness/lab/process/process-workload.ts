import { z } from 'zod';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';
import type { InstancePlan } from '../instance/instance-plan.ts';
import { workloadService } from '../instance/instance-processes.ts';
import type { StartedWorkload, WorkloadSpec, WorkloadSummary } from '../lab.ts';
import { isAlive, type ProcessIdentity } from '../state/process-table.ts';
import type { RunFile } from '../state/run-file.ts';
import type { ProcessRuntime } from './process-runtime.ts';
import { sizeOf, tail } from './spawn.ts';

const summarySchema = z.object({ committed: z.number(), failed: z.number(), unknown: z.number() });
/** A week: a workload that should end by itself is bounded by its transactions, not by this. */
const FINISH_TIMEOUT_MS = 7 * 24 * 3_600_000;

const BEGIN_TIMEOUT_MS = 20_000;

export interface WorkloadContext {
  readonly plan: Pick<InstancePlan, 'name' | 'sourceUrl' | 'ledgerPath'>;
  readonly stateDir: string;
  readonly runtime: ProcessRuntime;
  readonly runFile: RunFile;
}

/** Starts a workload beside those that run. */
export async function startWorkload(context: WorkloadContext, spec: WorkloadSpec): Promise<StartedWorkload> {
  const { runtime, runFile, plan, stateDir } = context;
  const service = await freeName(runtime, plan.name);
  const prepared = workloadService(plan, spec, stateDir, service);
  const logStart = sizeOf(prepared.log);
  const ledgerStart = sizeOf(plan.ledgerPath);
  await runtime.launch(prepared);
  const process = runFile.read()?.services[service]?.process;
  if (process == null) throw new Error(`${service} has no record`);
  // Its ledger says that it has begun; before, a signal would end it without a summary.
  await poll(() => (sizeOf(plan.ledgerPath) > ledgerStart || !isAlive(process) ? true : undefined), {
    withinMs: BEGIN_TIMEOUT_MS,
    everyMs: 10,
    maxEveryMs: 200,
  });
  let summary: Promise<WorkloadSummary> | undefined;
  // Looks only once somebody asks: who leaves the workload running must not wait for its end.
  const finished = (): Promise<WorkloadSummary> =>
    (summary ??= summaryAtEnd(process, prepared.log, logStart, service));
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

/** `workload@NAME`, `workload-2@NAME`, …: the first whose process does not live; names are used again. */
async function freeName(runtime: ProcessRuntime, instance: string): Promise<string> {
  const services = await runtime.services();
  const busy = new Set(
    services
      .filter((service) => service.state === 'running' || service.state === 'paused')
      .map(({ name }) => name),
  );
  for (let number = 1; ; number++) {
    const name = number === 1 ? `workload@${instance}` : `workload-${number}@${instance}`;
    if (!busy.has(name)) return name;
  }
}

async function summaryAtEnd(
  process: ProcessIdentity,
  log: string,
  logStart: number,
  service: string,
): Promise<WorkloadSummary> {
  await poll(() => (isAlive(process) ? undefined : true), {
    withinMs: FINISH_TIMEOUT_MS,
    everyMs: 20,
    maxEveryMs: 100,
  });
  const lastLines = tail(log, logStart);
  const summary = lastLines
    .split('\n')
    .map(parseSummary)
    .findLast((line) => line !== undefined);
  if (summary !== undefined) return summary;
  throw new LabError('CDC-5122', `${service} ended without a summary. Its last log lines:\n${lastLines}`, {
    remedy: `Read ${log}.`,
  });
}

/** The counts that a workload ends its log with; undefined for any other line. */
export function parseSummary(line: string): WorkloadSummary | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return summarySchema.parse(JSON.parse(line));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
