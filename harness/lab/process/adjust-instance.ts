import { loadPipeline } from '../../../fixtures/pipelines/load.ts';
import { engineOf } from '../engines.ts';
import { prepareProcesses } from '../instance/instance-processes.ts';
import { planOf, readRun } from '../instance/lab-context.ts';
import { sinkWorkers } from '../instance/sink-workers.ts';
import { startConnector } from '../instance/start-connector.ts';
import type { DedupMode } from '../lab.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import { prepareConnect } from './connect-service.ts';
import { verifierOf } from './placed-pipeline.ts';
import type { ProcessLabContext } from './process-runtime.ts';

/**
 * Writes the bound of the lag alert into an instance's configuration files, and restarts those of its running services
 * that read it: the verifier, and the sink's workers where they are the lab's own.
 * @param events Null: the services' own bounds.
 * @returns the restarted services; none if the bound is in effect already.
 */
export async function setAlertLag(
  context: ProcessLabContext,
  record: InstanceRecord,
  events: number | null,
): Promise<readonly string[]> {
  const { runtime, stateDir } = context;
  const { alertLag, ...others } = record.spec;
  if ((alertLag ?? null) === events) return [];
  const spec = { ...others, ...(events === null ? {} : { alertLag: events }) };
  await rewrite(context, record.name, spec);
  const plan = planOf(context, record);
  const verifier = spec.pipeline === undefined ? {} : verifierOf(plan, await loadPipeline(spec.pipeline));
  prepareProcesses(plan, spec, stateDir, { verifier, prepareConnect });
  const isOwnSink = engineOf('sink', plan.engines).host === 'worker';
  const sinks = isOwnSink ? sinkWorkers(plan).map(({ service }) => service) : [];
  const states = new Map((await runtime.services()).map(({ name, state }) => [name, state]));
  const running = [plan.services.verifier, ...sinks].filter((name) => states.get(name) === 'running');
  for (const name of running) {
    await runtime.stop(name);
    await runtime.start(name);
  }
  return running;
}

/**
 * Sets `dedup.mode` of an instance's sink connector, which restarts its tasks. Its worker must run.
 * @returns whether the mode has changed.
 */
export async function setDedupMode(
  context: ProcessLabContext,
  record: InstanceRecord,
  mode: DedupMode,
): Promise<boolean> {
  const { overrides = {}, ...sink } = record.spec.sink;
  if ((overrides['dedup.mode'] ?? 'lsn') === mode) return false;
  const spec = { ...record.spec, sink: { ...sink, overrides: { ...overrides, 'dedup.mode': mode } } };
  await startConnector(planOf(context, record), spec, 'sink');
  await rewrite(context, record.name, spec);
  return true;
}

/**
 * Restarts those of an instance's workers that have a planted defect, without it. A worker that is down stays recorded
 * without its defect, and is started.
 * @returns the restarted services; none, and nothing is written, if no defect is planted. Idempotent: after an interrupt
 * it restarts those whose recorded arguments still name a defect.
 */
export async function upgrade(
  context: ProcessLabContext,
  record: InstanceRecord,
): Promise<readonly string[]> {
  const { runtime, stateDir } = context;
  const { defects, ...spec } = record.spec;
  const plan = planOf(context, record);
  const recorded = readRun(context.runFile).services;
  const planted = [plan.services.capture, ...sinkWorkers(plan).map(({ service }) => service)].filter((name) =>
    recorded[name]?.spec.args.includes('--defect'),
  );
  if (planted.length === 0 && defects === undefined) return [];
  const verifier = spec.pipeline === undefined ? {} : verifierOf(plan, await loadPipeline(spec.pipeline));
  const services = prepareProcesses(plan, spec, stateDir, { verifier, prepareConnect });
  const restarted: string[] = [];
  for (const service of [services.capture, services.sink, ...services.moreSinks]) {
    const { name } = service;
    if (!planted.includes(name)) continue;
    const { state } = (await runtime.services()).find((one) => one.name === name) ?? { state: 'stopped' };
    if (state === 'paused') await runtime.kill(name);
    else if (state === 'running') await runtime.stop(name);
    await runtime.launch(service);
    restarted.push(name);
  }
  await rewrite(context, record.name, spec);
  return restarted;
}

/** Records the change, so that the next `up` finds it. */
function rewrite(context: ProcessLabContext, name: string, spec: InstanceRecord['spec']): Promise<void> {
  return context.runFile.update((run) => {
    const mine = run.instances[name];
    if (mine !== undefined) mine.spec = spec;
  });
}
