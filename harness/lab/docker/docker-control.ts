/**
 * `harness/lab/docker`: labs whose services are containers, made by `docker-compose.yml` or by `launch.ts`.
 * In: a folder, and a Docker engine on this machine with Compose.
 * Out: `dockerLabControl`: `up`, `down`, `clean`, `open`; the `DockerRuntime` behind them.
 * Promises: nothing without the run's label is touched; `clean` leaves no container, network or volume of it.
 */

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../errors.ts';
import { choosePorts, refuseCluster, serverNames } from '../instance/brokers.ts';
import { readRun } from '../instance/lab-context.ts';
import { dropKept, dropLeftovers } from '../instance/leftovers.ts';
import type { Lab, LabControl, NotDropped, UpOptions } from '../lab.ts';
import type { Proof } from '../runtime.ts';
import { stopAll, stopStartedOnFailure } from '../services/stop-services.ts';
import { holdLab } from '../state/lock.ts';
import { newRun, RunFile } from '../state/run-file.ts';
import {
  checkDisk,
  claimStateDir,
  emptyStateDir,
  findStateDir,
  RUNS,
  readOrMakePassword,
} from '../state/state-dir.ts';
import { checkCompose, compose, labImage } from './compose.ts';
import { forgetUnfinished, recordStanding, standingRecord, startStanding } from './compose-pipeline.ts';
import { diskLimit } from './disk.ts';
import { type DockerLabContext, giveToContainers, projectOf, standingFolder } from './docker-context.ts';
import { dropInstance } from './docker-instance.ts';
import { dockerLab, isLeft, refuseTextbook } from './docker-lab.ts';
import { DockerRuntime } from './docker-runtime.ts';
import { connectEngine } from './engine.ts';
import { removeRun } from './launch.ts';

/** Labs of containers. Only one `up`, `down` or `clean` works on a folder at a time; `open` only reads. */
export const dockerLabControl: LabControl = { up, down, clean, open };

async function up(options: UpOptions): Promise<Lab> {
  refuseCluster(options, 'docker');
  refuseAdjustments(options);
  refuseTextbook(options);
  await connectEngine();
  const version = await checkCompose();
  const stateDir = claimStateDir(options.dir);
  await using _held = await holdLab(stateDir);
  const runFile = new RunFile(stateDir);
  if (runFile.read() === undefined) runFile.create(newRun(await choosePorts(), 'docker'));
  const context = await contextOf(stateDir, runFile);
  options.progress(`a Docker engine answers; Compose ${version}`);
  return await stopStartedOnFailure(context.runtime, async () => {
    const recordedBefore = standingRecord(context);
    try {
      await bringUp(context, options);
      return dockerLab(context);
    } catch (error) {
      await forgetUnfinished(context, recordedBefore);
      throw error;
    }
  });
}

/** @throws UsageError for what `docker-compose.yml` has no variable for. */
function refuseAdjustments({ alertLag, dedup }: UpOptions): void {
  if (alertLag === undefined && dedup === undefined) return;
  throw new UsageError(
    `${alertLag === undefined ? '--dedup' : '--alert-lag'} works only with the process runtime`,
    'leave it out; or leave out --runtime docker, and name another folder with --dir',
  );
}

async function bringUp(context: DockerLabContext, options: UpOptions): Promise<void> {
  const { stateDir, runtime } = context;
  if ((await runtime.services()).length === 0) checkDisk(stateDir);
  if (options.withInstance) await recordStanding(context, options);
  await undoPauseAndCut(context, options);
  const run = readRun(context.runFile);
  const project = projectOf(context, run);
  mkdirSync(standingFolder(stateDir), { recursive: true });
  giveToContainers(standingFolder(stateDir));
  writeEnvironment(context, { ...project.env, COMPOSE_PROJECT_NAME: project.name });
  const { own, name } = labImage();
  if (own) {
    options.progress(`building ${name}`);
    await compose(project, ['build', '--quiet', 'capture'], options.signal);
  }
  const servers = serverNames(run);
  await compose(project, ['up', '--detach', '--no-build', '--wait', ...servers], options.signal);
  for (const server of servers) {
    const { evidence } = await runtime.start(server, options.signal);
    options.progress(`${server} answers after ${String(evidence.answerMs)} ms: ${evidence.firstAnswer}`);
  }
  await dropLeftovers(context, isLeft, (left) => dropInstance(context, left), options.progress);
  if (!options.withInstance) return;
  // The lab starts the workload itself, at the rate it was given; Compose waits for what the verifier depends on.
  const rest = ['up', '--detach', '--no-build', '--scale', 'workload=0'];
  await compose(project, rest, options.signal);
  await startStanding(context, options);
}

/** Resumes and reconnects what a fault left paused or cut off: Compose takes either for running. */
async function undoPauseAndCut({ runtime }: DockerLabContext, { progress }: UpOptions): Promise<void> {
  for (const { name, state, connected } of await runtime.services()) {
    if (state === 'paused') {
      await runtime.resume(name);
      progress(`${name} is resumed`);
    }
    if (state === 'running' && connected === false) {
      await runtime.connect(name);
      progress(`${name} is back on its network`);
    }
  }
}

async function down(dir: string, notDropped?: (one: NotDropped) => void): Promise<readonly Proof[]> {
  const stateDir = findStateDir(dir);
  if (stateDir === undefined) return [];
  await using _held = await holdLab(stateDir);
  const context = await contextOf(stateDir, new RunFile(stateDir));
  const dropped = await dropKept(context, (name) => dropInstance(context, name), notDropped);
  return [...dropped, ...(await stopAll(context.runtime))];
}

async function clean(dir: string, keepRuns = false): Promise<void> {
  const stateDir = findStateDir(dir);
  if (stateDir === undefined) return;
  await using _held = await holdLab(stateDir);
  const run = new RunFile(stateDir).read();
  // Remove the run file last: only it says which containers belong to this lab.
  if (run !== undefined) await removeRun(await connectEngine(), run.runId);
  if (keepRuns) emptyStateDir(stateDir, [RUNS]);
  else rmSync(stateDir, { recursive: true, force: true });
}

async function open(dir: string): Promise<Lab | undefined> {
  const stateDir = findStateDir(dir);
  if (stateDir === undefined || !existsSync(join(stateDir, 'run.json'))) return undefined;
  return dockerLab(await contextOf(stateDir, new RunFile(stateDir)));
}

/** Also puts the lab's password into this process's PGPASSWORD, where `pg` looks for it. */
async function contextOf(stateDir: string, runFile: RunFile): Promise<DockerLabContext> {
  const password = readOrMakePassword(stateDir);
  process.env.PGPASSWORD = password;
  const docker = await connectEngine();
  const { runId } = readRun(runFile);
  // Volumes keep the size they were created with, whatever the environment says now.
  const existing = await diskLimit(docker, runId);
  const limit = existing === undefined ? process.env.CDC_LAB_DISK_LIMIT || null : existing;
  const runtime = new DockerRuntime(docker, runId, password, limit !== null);
  return { stateDir, password, runFile, runtime, diskLimit: limit };
}

/** For `docker compose --env-file`, so that people can inspect the lab with Compose's own commands. */
function writeEnvironment({ stateDir }: DockerLabContext, env: Readonly<Record<string, string>>): void {
  const lines = Object.entries(env).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(join(stateDir, 'compose.env'), lines.join(''), { mode: 0o600 });
}
