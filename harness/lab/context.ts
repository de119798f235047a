import type { ProcessRuntime } from '../runtimes/process/process-runtime.ts';
import type { RunFile } from '../runtimes/process/run-file.ts';

/** What everything that works on one lab needs. */
export interface LabContext {
  /** Without symbolic links. */
  readonly stateDir: string;
  readonly password: string;
  readonly runFile: RunFile;
  readonly runtime: ProcessRuntime;
}
