import type { Runtime } from '../runtime.ts';
import type { InstanceRecord, Run, RunFile } from '../state/run-file.ts';
import { type InstancePlan, planInstance } from './instance-plan.ts';

/** What everything that works on one lab needs. */
export interface LabContext<R extends Runtime = Runtime> {
  /** Without symbolic links. */
  readonly stateDir: string;
  /** Of the superuser on both servers. */
  readonly password: string;
  readonly runFile: RunFile;
  readonly runtime: R;
}

/** @throws if the folder holds no lab: a context exists only for a lab whose run file could be read. */
export function readRun(runFile: RunFile): Run {
  const run = runFile.read();
  if (run === undefined) throw new Error(`${runFile.path} is gone`);
  return run;
}

/** The plan of a recorded instance, with addresses as this machine sees them. */
export function planOf(context: LabContext, record: InstanceRecord): InstancePlan {
  return planInstance(
    context.stateDir,
    readRun(context.runFile),
    record.name,
    record.ports,
    record.spec.engines,
  );
}
