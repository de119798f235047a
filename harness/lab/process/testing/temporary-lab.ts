import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeTestFolder } from '../../../../fixtures/testing/test-folder.ts';
import { freePorts } from '../../services/ports.ts';
import type { ServiceSpec } from '../../services/service-spec.ts';
import { NO_PORTS, RunFile } from '../../state/run-file.ts';
import { ProcessRuntime } from '../process-runtime.ts';
import { killTree } from '../process-tree.ts';
import { markedProcesses } from '../spawn.ts';

/**
 * A state folder with a run file and a runtime, without servers. What is left of it is removed after the test run.
 */
export interface TemporaryLab extends AsyncDisposable {
  readonly dir: string;
  readonly runFile: RunFile;
  readonly runtime: ProcessRuntime;
  stub(name: string, ...flags: string[]): Promise<ServiceSpec>;
}

export function temporaryLab(): TemporaryLab {
  const dir = makeTestFolder();
  const runFile = new RunFile(dir);
  runFile.create({
    schemaVersion: 1,
    runId: 'test',
    createdAt: '',
    ports: NO_PORTS,
    services: {},
    instances: {},
  });
  const runtime = new ProcessRuntime(runFile, dir, 'secret');
  return {
    dir,
    runFile,
    runtime,
    async stub(name, ...flags) {
      const [port = 0] = await freePorts(1);
      return {
        name,
        kind: 'worker',
        command: process.execPath,
        args: [join(import.meta.dirname, 'stub-service.ts'), String(port), ...flags],
        cwd: dir,
        env: {},
        wantsPassword: false,
        uid: null,
        port,
        log: join(dir, `${name}.log`),
        probe: { tag: 'http', port, path: '/', anyStatus: false },
        readyTimeoutMs: 20_000,
        stopSignals: [{ signal: 'SIGTERM', waitMs: 1_000 }],
      };
    },
    async [Symbol.asyncDispose]() {
      await killTree(markedProcesses(dir).map((process) => process.identity));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
