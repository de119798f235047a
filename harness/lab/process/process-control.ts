/**
 * `harness/lab/process`: labs whose services are detached processes of this machine.
 * In: a folder, and binaries that `make setup` has fetched.
 * Out: `labControl`: `up`, `down`, `clean`, `open`; the `ProcessRuntime` behind them.
 * Promises: services outlive the command; every process is recorded or carries the lab's marker, so that
 * `clean` leaves none behind, even after a crash.
 */

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { settleAll } from '../../settle-all.ts';
import { needsConnect, OWN_ENGINES } from '../engines.ts';
import { choosePorts, refuseOtherBrokers, serverNames } from '../instance/brokers.ts';
import { planOf } from '../instance/lab-context.ts';
import { dropKept, dropLeftovers } from '../instance/leftovers.ts';
import { refuseDedup, refuseOtherPipeline, standingSpec } from '../instance/standing-pipeline.ts';
import { setWriter } from '../instance/standing-writer.ts';
import type { DedupMode, Lab, LabControl, NotDropped, UpOptions } from '../lab.ts';
import type { Proof } from '../runtime.ts';
import { stopAll, stopStartedOnFailure } from '../services/stop-services.ts';
import { holdLab } from '../state/lock.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import { type InstanceRecord, newRun, type Run, RunFile } from '../state/run-file.ts';
import {
  checkDisk,
  claimStateDir,
  emptyStateDir,
  findStateDir,
  RUNS,
  readOrMakePassword,
} from '../state/state-dir.ts';
import { setAlertLag, setDedupMode } from './adjust-instance.ts';
import { ensureEngines } from './fetch-engines.ts';
import { removePrivateServers } from './private-servers.ts';
import { dropInstance, repairInstance } from './process-instance.ts';
import { isLeft, processLab } from './process-lab.ts';
import { type ProcessLabContext, ProcessRuntime } from './process-runtime.ts';
import { killTree } from './process-tree.ts';
import { markedProcesses } from './spawn.ts';
import { startPostgresAndKafka } from './start-postgres-and-kafka.ts';

/** Labs of the process runtime. Only one `up`, `down` or `clean` works on a folder at a time; `open` only reads. */
export const labControl: LabControl = { up, down, clean, open };

async function up(options: UpOptions): Promise<Lab> {
  const stateDir = claimStateDir(options.dir);
  await using _held = await holdLab(stateDir);
  const { engines = OWN_ENGINES, progress, signal } = options;
  const context = contextOf(stateDir);
  const run = context.runFile.read() ?? (await createRun(context.runFile, options.brokers ?? 1));
  refuseOtherBrokers(run, options.brokers, stateDir);
  if (options.withInstance) refuseChanges(run.instances[LAB_INSTANCE], options, stateDir);
  if (needsConnect(engines)) await ensureEngines(progress, signal);
  return await stopStartedOnFailure(context.runtime, async () => {
    await repairServers(context, run, options);
    const lab = processLab(context);
    if (options.withInstance) await bringUpInstance(context, lab, options);
    return lab;
  });
}

/** Before anything is started. A pipeline that never got ready is dropped and made new, as this `up` wants it. */
function refuseChanges(record: InstanceRecord | undefined, options: UpOptions, stateDir: string): void {
  const standing = record?.state === 'ready' ? record.spec : undefined;
  refuseDedup(options, standing?.engines);
  if (standing !== undefined) refuseOtherPipeline(standing, options, stateDir);
}

async function repairServers(context: ProcessLabContext, run: Run, options: UpOptions): Promise<void> {
  const { stateDir, password, runtime } = context;
  const strays = await runtime.killUnrecorded();
  if (strays.length > 0) options.progress(`ended ${strays.length} processes left by a run that was killed`);
  const services = await runtime.services();
  const servers = serverNames(run);
  const running = services.filter(({ name, state }) => servers.includes(name) && state === 'running');
  if (running.length < servers.length) checkDisk(stateDir);
  const { progress, signal } = options;
  await startPostgresAndKafka({ stateDir, password, servers: run, runtime, progress, signal });
  await dropLeftovers(context, isLeft, (name) => dropInstance(context, name), progress);
}

async function bringUpInstance(
  context: ProcessLabContext,
  lab: ReturnType<typeof processLab>,
  options: UpOptions,
): Promise<void> {
  const record = context.runFile.read()?.instances[LAB_INSTANCE];
  if (record === undefined) {
    await lab.createInstance(standingSpec(options), options.signal);
    options.progress(`pipeline ${LAB_INSTANCE} runs`);
  } else {
    if (options.alertLag !== undefined)
      await changeAlertLag(context, record, options.alertLag, options.progress);
    for (const name of await repairInstance(context, record)) options.progress(`${name} runs again`);
    if (options.dedup !== undefined) await changeDedup(context, options.dedup, options.progress);
  }
  const instance = await lab.instance(LAB_INSTANCE);
  if (instance !== undefined) await setWriter(context, instance, options);
}

async function changeAlertLag(
  context: ProcessLabContext,
  record: InstanceRecord,
  events: number,
  progress: UpOptions['progress'],
): Promise<void> {
  const restarted = await setAlertLag(context, record, events);
  if (restarted.length === 0) return;
  progress(
    `lag is an alert from ${events} events on; restarted ${restarted.join(', ')}, which had another bound`,
  );
}

/** Reads the record again: the bound of the lag alert may have changed it. */
async function changeDedup(
  context: ProcessLabContext,
  mode: DedupMode,
  progress: UpOptions['progress'],
): Promise<void> {
  const record = context.runFile.read()?.instances[LAB_INSTANCE];
  if (record === undefined || !(await setDedupMode(context, record, mode))) return;
  progress(`the sink's dedup.mode is ${mode} now; its task restarted`);
}

async function down(dir: string, notDropped?: (one: NotDropped) => void): Promise<readonly Proof[]> {
  const stateDir = findStateDir(dir);
  if (stateDir === undefined) return [];
  await using _held = await holdLab(stateDir);
  const context = contextOf(stateDir);
  const { runtime } = context;
  await runtime.killUnrecorded();
  const dropped = await dropKept(context, (name) => dropInstance(context, name), notDropped);
  const stopped = await stopAll(runtime);
  await removeLeftServers(context);
  return [...dropped, ...stopped];
}

/** What a killed run left, and a kept pipeline that could not be dropped, wait for the next `up` without their servers. */
async function removeLeftServers(context: ProcessLabContext): Promise<void> {
  const records = Object.values(context.runFile.read()?.instances ?? {});
  for (const record of records) await removePrivateServers(context, planOf(context, record));
}

async function clean(dir: string, keepRuns = false): Promise<void> {
  const stateDir = findStateDir(dir);
  if (stateDir === undefined) return;
  await using _held = await holdLab(stateDir);
  // All data is removed, so nothing has to end gracefully; the slot goes with the server's data.
  await killTree(markedProcesses(stateDir).map((process) => process.identity));
  const context = contextOf(stateDir);
  await killRecorded(context.runtime);
  // Remove the run file last: after a crash it tells the next command that something is left.
  emptyStateDir(stateDir, ['run.json', ...(keepRuns ? [RUNS] : [])]);
  context.runFile.remove();
  if (!keepRuns) rmSync(stateDir, { recursive: true, force: true });
}

/** Finds what has no marker: backends of a dead postmaster. An unreadable run file names no services. */
async function killRecorded(runtime: ProcessRuntime): Promise<void> {
  const services = await runtime.services().catch((error: unknown) => {
    if (error instanceof LabError) return [];
    throw error;
  });
  await settleAll(services.map((service) => runtime.killIfAlive(service.name)));
}

async function open(dir: string): Promise<Lab | undefined> {
  const stateDir = findStateDir(dir);
  if (stateDir === undefined || !existsSync(join(stateDir, 'run.json'))) return undefined;
  const context = contextOf(stateDir);
  return context.runFile.read() === undefined ? undefined : processLab(context);
}

/** Also puts the lab's password into this process's PGPASSWORD, where `pg` and child processes look for it. */
function contextOf(stateDir: string): ProcessLabContext {
  const password = readOrMakePassword(stateDir);
  process.env.PGPASSWORD = password;
  const runFile = new RunFile(stateDir);
  return { stateDir, password, runFile, runtime: new ProcessRuntime(runFile, stateDir, password) };
}

async function createRun(runFile: RunFile, brokers: number): Promise<Run> {
  const run = newRun(await choosePorts(brokers));
  runFile.create(run);
  return run;
}
