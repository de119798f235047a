import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../errors.ts';
import { settleAll } from '../../settle-all.ts';
import { choosePorts, refuseCluster } from '../instance/brokers.ts';
import { dropEmptyGroups } from '../instance/instance-topics.ts';
import type { Lab, LabControl, UpOptions } from '../lab.ts';
import { serverNames } from '../process/start-servers.ts';
import type { Proof } from '../runtime.ts';
import { stopServices } from '../services/stop-services.ts';
import { holdLab } from '../state/lock.ts';
import { isAlive } from '../state/process-table.ts';
import { type Run, RunFile } from '../state/run-file.ts';
import { checkDisk, claimStateDir, findStateDir, readOrMakePassword } from '../state/state-dir.ts';
import { checkCompose, compose, labImage } from './compose.ts';
import { forgetUnfinished, recordStanding, standingRecord, startStanding } from './compose-pipeline.ts';
import { diskLimit } from './disk.ts';
import {
  type DockerLabContext,
  giveToContainers,
  projectOf,
  readRun,
  standingFolder,
} from './docker-context.ts';
import { dropInstance, planOf } from './docker-instance.ts';
import { DockerLab } from './docker-lab.ts';
import { DockerRuntime } from './docker-runtime.ts';
import { connectEngine } from './engine.ts';
import { removeRun } from './launch.ts';

/** Labs of containers. `up`, `down` and `clean` exclude each other per folder; `open` looks only. */
export const dockerLabControl: LabControl = { up, down, clean, open };

async function up(options: UpOptions): Promise<Lab> {
  refuseCluster(options, 'docker');
  refuseAdjustments(options);
  await connectEngine();
  const version = await checkCompose();
  const stateDir = claimStateDir(options.dir);
  await using _held = await holdLab(stateDir);
  const runFile = new RunFile(stateDir);
  if (runFile.read() === undefined) runFile.create(await newRun());
  const context = await contextOf(stateDir, runFile);
  options.progress(`a Docker engine answers; Compose ${version}`);
  const before = new Map((await context.runtime.services()).map(({ name, state }) => [name, state]));
  const stood = standingRecord(context);
  try {
    if (before.size === 0) checkDisk(stateDir);
    await bringUp(context, options);
    return new DockerLab(context);
  } catch (error) {
    // Nothing half started: what ran before goes on, what this call wrote down and started ends.
    await forgetUnfinished(context, stood);
    const started = (await context.runtime.services()).filter(
      ({ name, state }) => state !== 'stopped' && before.get(name) !== 'running',
    );
    await stopServices(context.runtime, started);
    throw error;
  }
}

/** @throws UsageError for what `docker-compose.yml` has no variable for. */
function refuseAdjustments({ alertLag, dedup }: UpOptions): void {
  if (alertLag === undefined && dedup === undefined) return;
  throw new UsageError(
    `${alertLag === undefined ? '--dedup' : '--alert-lag'} is for the process runtime`,
    'leave it out; or leave out --runtime docker, and name another folder with --dir',
  );
}

async function bringUp(context: DockerLabContext, options: UpOptions): Promise<void> {
  const { runFile } = context;
  if (options.withInstance) await recordStanding(context, options);
  await mend(context, options);
  const run = readRun(runFile);
  const project = projectOf(context, run);
  mkdirSync(standingFolder(context.stateDir), { recursive: true });
  giveToContainers(standingFolder(context.stateDir));
  writeEnvironment(context, { ...project.env, COMPOSE_PROJECT_NAME: project.name });
  const { own, name } = labImage();
  if (own) {
    options.progress(`building ${name}`);
    await compose(project, ['build', '--quiet', 'capture'], options.signal);
  }
  const servers = serverNames(run);
  await compose(project, ['up', '--detach', '--no-build', '--wait', ...servers], options.signal);
  for (const server of servers) {
    const { evidence } = await context.runtime.start(server, options.signal);
    options.progress(`${server} answers after ${String(evidence.answerMs)} ms: ${evidence.firstAnswer}`);
  }
  await dropLeftovers(context, options.progress);
  if (!options.withInstance) return;
  // The workload is started by itself, with its own rate; Compose waits for what the verifier depends on.
  const rest = ['up', '--detach', '--no-build', '--scale', 'workload=0'];
  await compose(project, rest, options.signal);
  await startStanding(context, options);
}

/** What a fault has left paused or cut off: Compose takes it for running. */
async function mend({ runtime }: DockerLabContext, { progress }: UpOptions): Promise<void> {
  for (const { name, state, connected } of await runtime.services()) {
    if (state === 'paused') {
      await runtime.resume(name);
      progress(`${name} goes on`);
    }
    if (state === 'running' && connected === false) {
      await runtime.connect(name);
      progress(`${name} is back on its network`);
    }
  }
}

/** Instances whose owner is dead. */
async function dropLeftovers(context: DockerLabContext, progress: (step: string) => void): Promise<void> {
  const run = readRun(context.runFile);
  const records = Object.values(run.instances);
  const left = records.filter(({ owner }) => owner !== null && !isAlive(owner));
  if (left.length === 0) return;
  await settleAll(left.map((record) => dropInstance(context, record.name)));
  for (const record of left) progress(`dropped ${record.name}, which a killed run had left`);
  const inUse = records.filter((record) => !left.includes(record)).map((record) => planOf(context, record));
  const brokers = [`127.0.0.1:${run.ports.kafkaClient}`];
  await dropEmptyGroups(brokers, new Set(inUse.map((plan) => plan.consumerGroup)));
}

async function down(dir: string): Promise<readonly Proof[]> {
  const stateDir = findStateDir(dir);
  if (stateDir === undefined) return [];
  await using _held = await holdLab(stateDir);
  const context = await contextOf(stateDir, new RunFile(stateDir));
  const services = await context.runtime.services();
  return stopServices(
    context.runtime,
    services.filter((service) => service.state !== 'stopped'),
  );
}

async function clean(dir: string): Promise<void> {
  const stateDir = findStateDir(dir);
  if (stateDir === undefined) return;
  await using _held = await holdLab(stateDir);
  const run = new RunFile(stateDir).read();
  // The run file goes last: it alone knows whose containers are to be removed.
  if (run !== undefined) await removeRun(await connectEngine(), run.runId);
  rmSync(stateDir, { recursive: true, force: true });
}

async function open(dir: string): Promise<Lab | undefined> {
  const stateDir = findStateDir(dir);
  if (stateDir === undefined || !existsSync(join(stateDir, 'run.json'))) return undefined;
  return new DockerLab(await contextOf(stateDir, new RunFile(stateDir)));
}

/** Also puts the lab's password into this process's PGPASSWORD, where `pg` looks for it. */
async function contextOf(stateDir: string, runFile: RunFile): Promise<DockerLabContext> {
  const password = readOrMakePassword(stateDir);
  process.env.PGPASSWORD = password;
  const docker = await connectEngine();
  const { runId } = readRun(runFile);
  // Volumes keep the size that they were made with, whatever the shell says now.
  const there = await diskLimit(docker, runId);
  const limit = there === undefined ? process.env.CDC_LAB_DISK_LIMIT || null : there;
  const runtime = new DockerRuntime(docker, runId, password, limit !== null);
  return { stateDir, password, runFile, runtime, diskLimit: limit };
}

/** For `docker compose --env-file`, so that a person can look with Compose's own commands. */
function writeEnvironment({ stateDir }: DockerLabContext, env: Readonly<Record<string, string>>): void {
  const lines = Object.entries(env).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(join(stateDir, 'compose.env'), lines.join(''), { mode: 0o600 });
}

async function newRun(): Promise<Run> {
  return {
    schemaVersion: 1,
    runtime: 'docker',
    runId: randomBytes(4).toString('hex'),
    createdAt: new Date().toISOString(),
    ...(await choosePorts()),
    services: {},
    instances: {},
  };
}
