import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';
import type { LabContext } from '../instance/lab-context.ts';
import { type CopyOptions, type Proof, proof, type Runtime, type ServiceInfo } from '../runtime.ts';
import { tail } from '../services/log-file.ts';
import { probe, refusal } from '../services/probes.ts';
import type { ServiceSpec } from '../services/service-spec.ts';
import {
  allProcesses,
  executableOf,
  identify,
  isAlive,
  type ProcessIdentity,
  type ProcessStat,
  signalProcess,
  threadStates,
  workingDirectoryOf,
} from '../state/process-table.ts';
import type { RunFile, ServiceRecord } from '../state/run-file.ts';
import { copyData, type DataPlace, prepareCopy, swapData } from './data-folders.ts';
import { continueTree, isStopped, killTree, stopTree, treeOf, waitGone } from './process-tree.ts';
import { type Ending, markedProcesses, startDetached } from './spawn.ts';

/** A paused service must stay silent for this long. */
const SILENCE_MS = 300;
const RESUME_TIMEOUT_MS = 30_000;

/** A lab of the process runtime, as everything that works on it is given it. */
export type ProcessLabContext = LabContext<ProcessRuntime>;

/** Services as detached processes of this machine, recorded in `run.json`. */
export class ProcessRuntime implements Runtime {
  readonly name = 'process';
  readonly #runFile: RunFile;
  readonly #stateDir: string;
  readonly #password: string;
  /** What became of the services that this process started, by name. */
  readonly #fates = new Map<string, 'running' | 'killed' | Ending>();

  constructor(runFile: RunFile, stateDir: string, password: string) {
    this.#runFile = runFile;
    this.#stateDir = stateDir;
    this.#password = password;
  }

  async services(): Promise<readonly ServiceInfo[]> {
    return Object.values(this.#runFile.read()?.services ?? {}).map(describe);
  }

  /**
   * Records a service and starts it, unless it runs already.
   * @throws LabError with the last lines of its log if it does not start.
   */
  async launch(spec: ServiceSpec, signal?: AbortSignal): Promise<Proof> {
    const record = this.#runFile.read()?.services[spec.name];
    if (record !== undefined && stateOf(record) === 'running') return this.#answers(record.spec, 'running');
    await this.#endRemains(spec, record);
    await this.#runFile.update((run) => {
      run.services[spec.name] = { spec, process: null, startedAt: null };
    });
    const begin = performance.now();
    const onStarted = (identity: ProcessIdentity): Promise<void> =>
      this.#runFile.update((run) => {
        run.services[spec.name] = { spec, process: identity, startedAt: new Date().toISOString() };
      });
    this.#fates.set(spec.name, 'running');
    const onEnded = (ending: Ending): void => {
      if (this.#fates.get(spec.name) === 'running') this.#fates.set(spec.name, ending);
    };
    const options = { stateDir: this.#stateDir, password: this.#password, signal, onStarted, onEnded };
    const answer = await startDetached(spec, options).catch(async (error: unknown) => {
      await this.#recordStopped(spec.name);
      throw error;
    });
    const pid = this.#runFile.read()?.services[spec.name]?.process?.pid;
    return proof('started', spec.name, {
      pid,
      firstAnswer: answer,
      readyMs: Math.round(performance.now() - begin),
    });
  }

  /** Removes the record of a service that is down. */
  async forget(service: string): Promise<void> {
    await this.#runFile.update((run) => {
      delete run.services[service];
    });
  }

  async start(service: string): Promise<Proof> {
    return this.launch(this.#record(service).spec);
  }

  async kill(service: string): Promise<Proof> {
    const { spec, roots } = this.#living(service);
    this.#fates.set(service, 'killed');
    const killed = await killTree(roots);
    return proof('killed', service, {
      pids: pidsOf(killed),
      gone: true,
      ...(await refusal(spec.name, spec.port)),
    });
  }

  /** As {@link kill}, but does nothing if it is down. */
  async killIfAlive(service: string): Promise<void> {
    const { spec, process } = this.#record(service);
    await killTree(rootsOf(spec, process));
  }

  async pause(service: string): Promise<Proof> {
    const { spec, roots } = this.#living(service);
    const stopped = await stopTree(roots);
    const evidence = { pids: pidsOf(stopped), states: statesOf(stopped) };
    if (spec.probe.tag === 'none') return proof('paused', service, evidence);
    const outcome = await probe(spec.probe, this.#password, SILENCE_MS);
    if (outcome.ok) throw new Error(`${service} answers although every process of it is stopped`);
    return proof('paused', service, { ...evidence, answer: `none within ${SILENCE_MS} ms (${outcome.why})` });
  }

  async resume(service: string): Promise<Proof> {
    const { spec, roots } = this.#living(service);
    const tree = continueTree(roots);
    return this.#answers(spec, 'resumed', { pids: pidsOf(tree), states: statesOf(tree) });
  }

  async stop(service: string): Promise<Proof> {
    const { spec, process } = this.#record(service);
    const roots = rootsOf(spec, process);
    const tree = treeOf(roots);
    // A stopped process (SIGSTOP) handles no other signal.
    continueTree(roots);
    const how = await endGracefully(spec, roots, tree);
    await this.#recordStopped(service);
    return proof('stopped', service, {
      pids: pidsOf(tree),
      gone: true,
      how,
      ...(await refusal(spec.name, spec.port)),
    });
  }

  async copyData(service: string, label: string): Promise<Proof> {
    return copyData(this.#dataOf(service), label);
  }

  async startCopy(service: string, label: string, own: CopyOptions): Promise<Proof> {
    const spec = await prepareCopy(this.#dataOf(service), label, own);
    const { evidence } = await this.launch(spec);
    return proof('started', service, { ...evidence, service: spec.name, port: spec.port });
  }

  async swapData(service: string, label: string): Promise<Proof> {
    return swapData(this.#dataOf(service), label);
  }

  #dataOf(service: string): DataPlace {
    return { stateDir: this.#stateDir, password: this.#password, spec: this.#record(service).spec };
  }

  /**
   * How a service that is dead ended by itself; undefined if {@link kill} ended it. Its exit code is known only to the
   * process that started it.
   */
  endingOf(service: string): Ending | undefined {
    const fate = this.#fates.get(service);
    if (fate === 'running' || fate === 'killed') return undefined;
    const { log } = this.#record(service).spec;
    return fate ?? { how: 'has ended; its exit code is not known', lastLines: tail(log, 0) };
  }

  /** Kills processes of this lab that no record names: their starter died before it could write one. */
  async killUnrecorded(): Promise<readonly number[]> {
    const services = this.#runFile.read()?.services ?? {};
    const strays = markedProcesses(this.#stateDir).filter(({ name, identity }) => {
      const recorded = services[name]?.process;
      // A child of a recorded process carries the same marker and belongs to it.
      return recorded == null || !treeOf([recorded]).some((process) => process.pid === identity.pid);
    });
    return pidsOf(await killTree(strays.map((stray) => stray.identity)));
  }

  /** Kills what is left of the service before it is started, such as backends whose postmaster was killed. */
  async #endRemains(spec: ServiceSpec, record: ServiceRecord | undefined): Promise<void> {
    const remains = rootsOf(spec, record?.process ?? null);
    if (remains.length > 0) await killTree(remains);
    // PostgreSQL takes a zombie for a living postmaster. No process uses this data any more, so the file is stale.
    if (spec.kind === 'postgres') rmSync(join(spec.cwd, 'postmaster.pid'), { force: true });
  }

  async #answers(spec: ServiceSpec, action: string, evidence: Record<string, unknown> = {}): Promise<Proof> {
    const begin = performance.now();
    const answer = await poll(
      async () => {
        const outcome = await probe(spec.probe, this.#password, 2_000);
        return outcome.ok ? outcome.answer : undefined;
      },
      { withinMs: RESUME_TIMEOUT_MS, everyMs: 10, maxEveryMs: 100 },
    );
    if (answer === undefined) {
      throw new LabError(
        'CDC-5115',
        `${spec.name} runs, but did not answer within ${RESUME_TIMEOUT_MS} ms.`,
        {
          remedy: `Read ${spec.log}, or restart it: \`cdc-lab down && cdc-lab up\`.`,
        },
      );
    }
    const answerMs = Math.round(performance.now() - begin);
    return proof(action, spec.name, { ...evidence, firstAnswer: answer, answerMs });
  }

  #record(service: string): ServiceRecord {
    const services = this.#runFile.read()?.services ?? {};
    const record = services[service];
    if (record !== undefined) return record;
    throw new LabError('CDC-5116', `The lab has no service ${service}.`, {
      remedy: `It has: ${Object.keys(services).join(', ') || 'none; run `cdc-lab up`'}.`,
    });
  }

  #living(service: string): { spec: ServiceSpec; roots: ProcessIdentity[] } {
    const { spec, process } = this.#record(service);
    const roots = rootsOf(spec, process);
    if (roots.length > 0) return { spec, roots };
    throw new LabError('CDC-5117', `${service} is not running.`, { remedy: '`cdc-lab up` starts it.' });
  }

  async #recordStopped(service: string): Promise<void> {
    await this.#runFile.update((run) => {
      const record = run.services[service];
      if (record !== undefined) record.process = null;
    });
  }
}

/**
 * The living root processes of a service: the recorded one, or the backends of a PostgreSQL whose postmaster is gone.
 * Those are found by their working directory, since PostgreSQL overwrites their environment.
 */
function rootsOf(spec: ServiceSpec, recorded: ProcessIdentity | null): ProcessIdentity[] {
  const roots = recorded !== null && isAlive(recorded) ? [recorded] : [];
  if (spec.kind !== 'postgres' || roots.length > 0) return roots;
  return allProcesses()
    .filter(({ pid }) => workingDirectoryOf(pid) === spec.cwd && executableOf(pid)?.endsWith('/postgres'))
    .map(({ pid }) => identify(pid))
    .filter((identity) => identity !== undefined);
}

async function endGracefully(
  spec: ServiceSpec,
  roots: readonly ProcessIdentity[],
  tree: readonly ProcessStat[],
): Promise<string> {
  if (tree.length === 0) return 'it did not run';
  for (const { signal, waitMs } of spec.stopSignals) {
    for (const root of roots) if (isAlive(root)) signalProcess(root.pid, signal);
    const gone = await waitGone(tree, waitMs).then(
      () => true,
      () => false,
    );
    if (gone) return signal;
  }
  await killTree(roots);
  return 'SIGKILL, after it had not ended in time';
}

function stateOf(record: ServiceRecord): ServiceInfo['state'] {
  if (record.process === null) return 'stopped';
  if (!isAlive(record.process)) return 'dead';
  return isStopped(record.process.pid) ? 'paused' : 'running';
}

function describe(record: ServiceRecord): ServiceInfo {
  const { name, kind, port, log } = record.spec;
  const state = stateOf(record);
  const pid = state === 'running' || state === 'paused' ? (record.process?.pid ?? null) : null;
  return { name, kind, state, pid, port, log };
}

function pidsOf(processes: readonly ProcessStat[]): number[] {
  return processes.map((process) => process.pid);
}

function statesOf(processes: readonly ProcessStat[]): Record<string, string> {
  return Object.fromEntries(
    processes.map(({ pid }) => [String(pid), [...new Set(threadStates(pid))].join('')]),
  );
}
