import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';
import { sizeOf, tail } from '../services/log-file.ts';
import { isFree } from '../services/ports.ts';
import { probe } from '../services/probes.ts';
import type { ServiceSpec } from '../services/service-spec.ts';
import {
  allProcesses,
  environmentOf,
  identify,
  isAlive,
  type ProcessIdentity,
} from '../state/process-table.ts';
import { killTree } from './process-tree.ts';

/**
 * In the environment of each of the lab's processes: `STATE_DIR#NAME`. Finds processes whose record was never
 * written.
 */
export const SERVICE_VARIABLE = 'CDC_LAB_SERVICE';

/** The marker of a process that is, or sets up, service `name` of the lab in that folder. */
export function markerOf(stateDir: string, name: string): Record<string, string> {
  return { [SERVICE_VARIABLE]: `${stateDir}#${name}` };
}

/** What a marker names. A folder's path may contain the separator; the name of a service does not. */
export function parseMarker(marker: string): { readonly stateDir: string; readonly name: string } {
  const at = marker.lastIndexOf('#');
  return { stateDir: marker.slice(0, Math.max(0, at)), name: marker.slice(at + 1) };
}

const PROBE_TIMEOUT_MS = 2_000;

export interface SpawnOptions {
  /** The lab's folder; part of the marker in the environment. */
  readonly stateDir: string;
  readonly password: string;
  readonly signal?: AbortSignal | undefined;
  /** Called as soon as the process exists, before it is ready, to record it on disk. */
  readonly onStarted: (identity: ProcessIdentity) => Promise<void>;
  /** Called when it ends, if this process lives that long. `how` reads after the service's name. */
  readonly onEnded?: (ending: Ending) => void;
}

/** How a process ended, with the last lines that it wrote. */
export interface Ending {
  readonly how: string;
  readonly lastLines: string;
}

/**
 * Starts a service in its own session, so that it outlives this process, and waits until it answers.
 *
 * @returns its first answer.
 * @throws LabError with the last lines of its log if it ends or does not answer; its processes are gone by then.
 */
export async function startDetached(spec: ServiceSpec, options: SpawnOptions): Promise<string> {
  if (spec.port !== null && !(await isFree(spec.port))) throw portTaken(spec, spec.port);
  mkdirSync(dirname(spec.log), { recursive: true });
  const logStart = sizeOf(spec.log);
  const { child, identity, ended } = await spawnDetached(spec, options, logStart);
  try {
    await options.onStarted(identity);
    const answer = await waitReady(spec, identity, options, ended);
    child.unref();
    return answer;
  } catch (error) {
    await killTree([identity]);
    if (error instanceof NotReady) throw didNotStart(spec, error.message, tail(spec.log, logStart));
    throw error;
  }
}

class NotReady extends Error {}

interface Spawned {
  readonly child: ChildProcess;
  readonly identity: ProcessIdentity;
  /** How it ended, once it has. */
  readonly ended: () => string | undefined;
}

async function spawnDetached(spec: ServiceSpec, options: SpawnOptions, logStart: number): Promise<Spawned> {
  const log = openSync(spec.log, 'a', 0o600);
  try {
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      detached: true,
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...spec.env,
        ...(spec.wantsPassword ? { PGPASSWORD: options.password } : {}),
        ...markerOf(options.stateDir, spec.name),
      },
      ...(spec.uid === null ? {} : { uid: spec.uid, gid: spec.uid }),
    });
    let ending: string | undefined;
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => {
        const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
        ending = `it ${how}`;
        options.onEnded?.({ how, lastLines: tail(spec.log, logStart) });
        resolve(ending);
      });
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    const { pid } = child;
    const identity = pid === undefined ? undefined : identify(pid);
    if (identity === undefined) throw new NotReady(await exited);
    return { child, identity, ended: () => ending };
  } catch (error) {
    if (error instanceof NotReady) throw didNotStart(spec, error.message, tail(spec.log, logStart));
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = missing ? `${spec.command} is not installed` : (error as Error).message;
    throw new LabError('CDC-5102', `Cannot start ${spec.name}: ${why}.`, {
      remedy: 'Run `make setup`, which says what is missing.',
      cause: error,
    });
  } finally {
    closeSync(log);
  }
}

async function waitReady(
  spec: ServiceSpec,
  identity: ProcessIdentity,
  options: SpawnOptions,
  ended: () => string | undefined,
): Promise<string> {
  let why = 'it was not probed yet';
  const answer = await poll(
    async () => {
      const ending = ended();
      if (ending !== undefined) throw new NotReady(ending);
      // It is gone; its exit event will say how in a moment.
      if (!isAlive(identity)) return undefined;
      const outcome = await probe(spec.probe, options.password, PROBE_TIMEOUT_MS);
      if (outcome.ok) return outcome.answer;
      why = outcome.why;
      return undefined;
    },
    { withinMs: spec.readyTimeoutMs, everyMs: 15, maxEveryMs: 100, signal: options.signal },
  );
  if (answer === undefined) {
    throw new NotReady(`it did not answer within ${spec.readyTimeoutMs} ms (${why})`);
  }
  return answer;
}

/** Processes of the lab, by the marker in their environment, recorded or not. */
export function markedProcesses(stateDir: string): { name: string; identity: ProcessIdentity }[] {
  const found: { name: string; identity: ProcessIdentity }[] = [];
  for (const { pid } of allProcesses()) {
    const marker = environmentOf(pid, SERVICE_VARIABLE);
    if (marker === undefined) continue;
    const of = parseMarker(marker);
    const identity = of.stateDir === stateDir ? identify(pid) : undefined;
    if (identity !== undefined) found.push({ name: of.name, identity });
  }
  return found;
}

function portTaken(spec: ServiceSpec, port: number): LabError {
  return new LabError('CDC-5103', `Port ${port} of ${spec.name} is taken by another process.`, {
    remedy: `Stop it (\`ss -ltnp 'sport = :${port}'\` names it), or run \`cdc-lab clean\` to start over with other ports.`,
  });
}

function didNotStart(spec: ServiceSpec, why: string, lastLines: string): LabError {
  const lines = lastLines === '' ? 'Its log is empty.' : `Its last log lines:\n${lastLines}`;
  return new LabError('CDC-5104', `${spec.name} did not start: ${why}. ${lines}`, {
    remedy: `Read ${spec.log}.`,
  });
}
