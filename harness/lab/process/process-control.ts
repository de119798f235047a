import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { settleAll } from '../../settle-all.ts';
import { needsConnect, OWN_ENGINES } from '../engines.ts';
import { bootstrapServersOf, choosePorts, refuseOtherBrokers } from '../instance/brokers.ts';
import { dropEmptyGroups } from '../instance/instance-topics.ts';
import { refuseOtherPipeline } from '../instance/refuse-other-pipeline.ts';
import { refuseDedup, standingSpec, startStandingWorkload } from '../instance/standing-pipeline.ts';
import type { DedupMode, Lab, LabControl, UpOptions } from '../lab.ts';
import type { Proof } from '../runtime.ts';
import { stopServices } from '../services/stop-services.ts';
import { holdLab } from '../state/lock.ts';
import { isAlive } from '../state/process-table.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import { type Run, RunFile } from '../state/run-file.ts';
import { checkDisk, claimStateDir, findStateDir, readOrMakePassword } from '../state/state-dir.ts';
import { setDedupMode } from './adjust-instance.ts';
import type { LabContext } from './context.ts';
import { ensureEngines } from './fetch-engines.ts';
import { dropInstance, planOf, repairInstance } from './process-instance.ts';
import { ProcessLab } from './process-lab.ts';
import { ProcessRuntime } from './process-runtime.ts';
import { killTree } from './process-tree.ts';
import { markedProcesses } from './spawn.ts';
import { serverNames, startServers } from './start-servers.ts';

/** Labs of the process runtime. `up`, `down` and `clean` exclude each other per folder; `open` looks only. */
export const labControl: LabControl = { up, down, clean, open };

async function up(options: UpOptions): Promise<Lab> {
  const stateDir = claimStateDir(options.dir);
  await using _held = await holdLab(stateDir);
  const { engines = OWN_ENGINES, progress, signal } = options;
  if (needsConnect(engines)) await ensureEngines(progress, signal);
  const context = contextOf(stateDir);
  const run = context.runFile.read() ?? (await createRun(context.runFile, options.brokers ?? 1));
  refuseOtherBrokers(run, options.brokers, stateDir);
  const before = new Map((await context.runtime.services()).map((service) => [service.name, service.state]));
  try {
    await repairServers(context, run, options);
    const lab = new ProcessLab(context, run.runId);
    if (options.withInstance) await bringUpInstance(context, lab, options);
    return lab;
  } catch (error) {
    // Nothing half started: what ran before goes on, what this call started ends.
    const started = (await context.runtime.services()).filter(
      ({ name, state }) => state !== 'stopped' && before.get(name) !== 'running',
    );
    await stopServices(context.runtime, started);
    throw error;
  }
}

async function repairServers(context: LabContext, run: Run, options: UpOptions): Promise<void> {
  const { stateDir, password, runtime } = context;
  const strays = await runtime.killUnrecorded();
  if (strays.length > 0) options.progress(`ended ${strays.length} processes that a killed run had left`);
  const services = await runtime.services();
  const servers = serverNames(run);
  const running = services.filter(({ name, state }) => servers.includes(name) && state === 'running');
  if (running.length < servers.length) checkDisk(stateDir);
  const { progress, signal } = options;
  await startServers({ stateDir, password, servers: run, runtime, progress, signal });
  await dropLeftovers(context, options.progress);
}

/** Instances whose owner is dead, or that were never finished. */
async function dropLeftovers(context: LabContext, progress: (step: string) => void): Promise<void> {
  const run = context.runFile.read();
  const records = Object.values(run?.instances ?? {});
  const left = records.filter((record) =>
    record.owner === null ? record.state === 'creating' : !isAlive(record.owner),
  );
  if (left.length === 0) return;
  await settleAll(left.map((record) => dropInstance(context, record.name)));
  for (const record of left) progress(`dropped ${record.name}, which a killed run had left`);
  const inUse = records.filter((record) => !left.includes(record)).map((record) => planOf(context, record));
  await dropEmptyGroups(
    run === undefined ? [] : bootstrapServersOf(run),
    new Set(inUse.map((plan) => plan.consumerGroup)),
  );
}

async function bringUpInstance(context: LabContext, lab: ProcessLab, options: UpOptions): Promise<void> {
  const record = context.runFile.read()?.instances[LAB_INSTANCE];
  refuseDedup(options, record?.spec.engines);
  if (record === undefined) {
    await lab.createInstance(standingSpec(options), options.signal);
    options.progress(`pipeline ${LAB_INSTANCE} runs`);
  } else {
    refuseOtherPipeline(record.spec, options, context.stateDir);
    if (options.alertLag !== undefined) await changeAlertLag(lab, options.alertLag, options.progress);
    for (const name of await repairInstance(context, record)) options.progress(`${name} runs again`);
    if (options.dedup !== undefined) await changeDedup(context, options.dedup, options.progress);
  }
  await startStandingWorkload(lab, options);
}

async function changeAlertLag(
  lab: ProcessLab,
  events: number,
  progress: UpOptions['progress'],
): Promise<void> {
  const restarted = await lab.setAlertLag(LAB_INSTANCE, events);
  if (restarted.length === 0) return;
  progress(
    `lag is an alert from ${events} events on; restarted ${restarted.join(', ')}, which had another bound`,
  );
}

/** Reads the record again: the bound of the lag alert may have changed it. */
async function changeDedup(
  context: LabContext,
  mode: DedupMode,
  progress: UpOptions['progress'],
): Promise<void> {
  const record = context.runFile.read()?.instances[LAB_INSTANCE];
  if (record === undefined || !(await setDedupMode(context, record, mode))) return;
  progress(`the sink's dedup.mode is ${mode} now; its task restarted`);
}

async function down(dir: string): Promise<readonly Proof[]> {
  const stateDir = findStateDir(dir);
  if (stateDir === undefined) return [];
  await using _held = await holdLab(stateDir);
  const context = contextOf(stateDir);
  await context.runtime.killUnrecorded();
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
  // The slot goes with the server's data. No need to end anything gently: nothing of it is kept.
  await killTree(markedProcesses(stateDir).map((process) => process.identity));
  const context = contextOf(stateDir);
  await killRecorded(context.runtime);
  // The run file last: until then whoever comes after a crash knows that there is something left.
  for (const entry of readdirSync(stateDir).filter((name) => name !== 'run.json' && name !== '.cdc-lab')) {
    rmSync(join(stateDir, entry), { recursive: true, force: true });
  }
  context.runFile.remove();
  rmSync(stateDir, { recursive: true, force: true });
}

/** Backends of a dead postmaster carry no marker; a run file that cannot be read names nobody. */
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
  const run = context.runFile.read();
  return run === undefined ? undefined : new ProcessLab(context, run.runId);
}

/** Also puts the lab's password into this process's PGPASSWORD, where `pg` and child processes look for it. */
function contextOf(stateDir: string): LabContext {
  const password = readOrMakePassword(stateDir);
  process.env.PGPASSWORD = password;
  const runFile = new RunFile(stateDir);
  return { stateDir, password, runFile, runtime: new ProcessRuntime(runFile, stateDir, password) };
}

async function createRun(runFile: RunFile, brokers: number): Promise<Run> {
  const run: Run = {
    schemaVersion: 1,
    runId: randomBytes(4).toString('hex'),
    createdAt: new Date().toISOString(),
    ...(await choosePorts(brokers)),
    services: {},
    instances: {},
  };
  runFile.create(run);
  return run;
}
