import { ProcessRuntime } from '../process/process-runtime.ts';
import { NO_PORTS, newRun, RunFile } from '../state/run-file.ts';

/**
 * The workloads that the lab itself runs against the target's source, recorded in its folder like any service.
 * @param password The source's, for their PGPASSWORD.
 */
export function ownProcesses(
  stateDir: string,
  password: string,
): { readonly runtime: ProcessRuntime; readonly runFile: RunFile } {
  const runFile = new RunFile(stateDir);
  if (runFile.read() === undefined) {
    runFile.create(newRun({ ports: NO_PORTS }, 'external', 'external'));
  }
  return { runFile, runtime: new ProcessRuntime(runFile, stateDir, password) };
}
