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

/** @throws where the folder holds no lab: whoever has a context has seen its run file. */
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
