import type { RunFile } from '../state/run-file.ts';
import type { ProcessRuntime } from './process-runtime.ts';

/** What everything that works on one lab needs. */
export interface LabContext {
  /** Without symbolic links. */
  readonly stateDir: string;
  readonly password: string;
  readonly runFile: RunFile;
  readonly runtime: ProcessRuntime;
}
