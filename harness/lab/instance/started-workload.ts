import { z } from 'zod';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';
import type { StartedWorkload, WorkloadSpec, WorkloadSummary } from '../lab.ts';
import type { ServiceInfo } from '../runtime.ts';
import { sizeOf } from '../services/log-file.ts';

const summarySchema = z.object({
  committed: z.number(),
  failed: z.number(),
  unknown: z.number(),
  firstError: z.string().exactOptional(),
});
/** A week: a workload that should end by itself is bounded by its number of transactions, not by this. */
const FINISH_WITHIN_MS = 7 * 24 * 3_600_000;

/** `workload@NAME`, `workload-2@NAME`, …: the first name whose process does not run. */
export function freeWorkloadName(services: readonly ServiceInfo[], instance: string): string {
  const busy = new Set(
    services.filter(({ state }) => state === 'running' || state === 'paused').map(({ name }) => name),
  );
  for (let number = 1; ; number++) {
    const name = number === 1 ? `workload@${instance}` : `workload-${number}@${instance}`;
    if (!busy.has(name)) return name;
  }
}

/** How a runtime watches and ends the process of one workload. */
export interface WorkloadProcess {
  runs(): boolean | Promise<boolean>;
  stop(): Promise<unknown>;
  /** The summary in the log of the process that has ended. @throws where it has none. */
  summary(): WorkloadSummary | Promise<WorkloadSummary>;
}

/**
 * Waits until the workload has begun, as a line in its ledger shows; a signal sent before that would end it without a
 * summary.
 *
 * @param ledgerStart Size of the ledger before the process was started.
 */
export async function workloadBegun(
  ledgerPath: string,
  ledgerStart: number,
  process: Pick<WorkloadProcess, 'runs'>,
  withinMs: number,
): Promise<void> {
  await poll(async () => sizeOf(ledgerPath) > ledgerStart || !(await process.runs()), {
    withinMs,
    everyMs: 20,
    maxEveryMs: 200,
  });
}

/**
 * Checks that a workload that is to write until it is stopped does so: one that cannot write ends as soon as it has begun.
 * @throws LabError CDC-5123 if it has ended; that of its summary, with the last lines of its log, if these have none.
 */
export async function mustKeepWriting(
  service: string,
  { kind, transactions }: Pick<WorkloadSpec, 'kind' | 'transactions'>,
  process: Pick<WorkloadProcess, 'runs' | 'summary'>,
): Promise<void> {
  if (kind === 'backfill' || transactions !== null || (await process.runs())) return;
  const { committed, failed, unknown } = await process.summary();
  const counts = `${committed} transactions committed, ${failed} failed, ${unknown} unknown`;
  throw new LabError('CDC-5123', `${service} was to write until it is stopped, but has ended: ${counts}.`, {
    remedy: `\`cdc-lab logs ${service}\` shows what it says; \`cdc-lab up\` starts it again.`,
  });
}

/** A handle for a workload that has begun. */
export function startedWorkload(service: string, process: WorkloadProcess): StartedWorkload {
  let summary: Promise<WorkloadSummary> | undefined;
  // Lazily: a command that leaves the workload running must not be kept alive by watching for its end.
  const finished = (): Promise<WorkloadSummary> => {
    summary ??= summaryAtEnd(process);
    return summary;
  };
  return {
    service,
    get finished() {
      return finished();
    },
    async stop() {
      await process.stop();
      return finished();
    },
  };
}

async function summaryAtEnd(process: WorkloadProcess): Promise<WorkloadSummary> {
  await poll(async () => !(await process.runs()), {
    withinMs: FINISH_WITHIN_MS,
    everyMs: 20,
    maxEveryMs: 200,
  });
  return process.summary();
}

/** The counts that a workload ends its log with; undefined if no line has them. */
export function summaryIn(lastLines: string): WorkloadSummary | undefined {
  return lastLines
    .split('\n')
    .map(parseSummary)
    .findLast((line) => line !== undefined);
}

function parseSummary(line: string): WorkloadSummary | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return summarySchema.parse(JSON.parse(line));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
