import { rmSync } from 'node:fs';
import { loadPipeline, tablesOf } from '../../../fixtures/pipelines/load.ts';
import { settleAll } from '../../settle-all.ts';
import { createSinkDatabase, createSourceDatabase, dropDatabases } from '../instance/instance-databases.ts';
import type { InstancePlan } from '../instance/instance-plan.ts';
import { prepareProcesses } from '../instance/instance-processes.ts';
import { createTopics, dropTopicsAndGroup } from '../instance/instance-topics.ts';
import { planOf } from '../instance/lab-context.ts';
import { makeAtOnce } from '../instance/make-at-once.ts';
import { sinkWorkers } from '../instance/sink-workers.ts';
import { connectorOf, startConnector } from '../instance/start-connector.ts';
import type { Instance, PlacedPipeline, StartedWorkload, WorkloadSpec } from '../lab.ts';
import type { ServiceInfo } from '../runtime.ts';
import { markReady } from '../state/record-instance.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import { prepareConnect } from './connect-service.ts';
import { placedPipeline, readsTopics, topicsOf, verifierOf } from './placed-pipeline.ts';
import { removePrivateServers, startPrivateServers } from './private-servers.ts';
import type { ProcessLabContext } from './process-runtime.ts';
import { startWorkload } from './process-workload.ts';

/** A handle for a recorded instance; starts nothing. */
export function instanceHandle(context: ProcessLabContext, record: InstanceRecord): Instance {
  const plan = planOf(context, record);
  const file = record.spec.pipeline;
  return {
    ...plan,
    alertLag: record.spec.alertLag,
    ...(file === undefined ? {} : { pipeline: placedPipeline(context, plan, file) }),
    startWorkload: (spec: WorkloadSpec): Promise<StartedWorkload> =>
      startWorkload({ ...context, plan }, spec),
    [Symbol.asyncDispose]: () => dropInstance(context, plan.name),
  };
}

/**
 * Sets up what an instance's record says: databases, processes, connectors, concurrently where possible. The
 * record is on disk already, so that after a crash the next `up` can drop what is half there.
 */
export async function buildInstance(
  context: ProcessLabContext,
  record: InstanceRecord,
  signal?: AbortSignal,
): Promise<void> {
  const { runtime, password, stateDir } = context;
  const { pipeline } = record.spec;
  if (pipeline !== undefined) return buildWithPipeline(context, record, pipeline, signal);
  const plan = planOf(context, record);
  await startPrivateServers(context, plan, signal);
  const services = prepareProcesses(plan, record.spec, stateDir, { prepareConnect });
  const sinks = [services.sink, ...services.moreSinks];
  await makeAtOnce({
    source: createSourceDatabase(plan, record.spec, password),
    sink: createSinkDatabase(plan, password),
    workers: [runtime.launch(services.capture, signal), ...sinks.map((one) => runtime.launch(one, signal))],
    startCapture: () => startConnector(plan, record.spec, 'source', signal),
    startVerifier: () => runtime.launch(services.verifier, signal),
  });
  // After the capture, which creates the topics.
  await startConnector(plan, record.spec, 'sink', signal);
  await markReady(context.runFile, plan.name);
}

/** As {@link buildInstance}, with the pipeline in that file in place of the lab's, or in place of its sink. */
async function buildWithPipeline(
  context: ProcessLabContext,
  record: InstanceRecord,
  file: string,
  signal?: AbortSignal,
): Promise<void> {
  const { runtime, password, stateDir } = context;
  const pipeline = await loadPipeline(file);
  const { spec } = record;
  const plan = planOf(context, record);
  await startPrivateServers(context, plan, signal);
  const services = prepareProcesses(plan, spec, stateDir, {
    verifier: verifierOf(plan, pipeline),
    prepareConnect,
  });
  await settleAll([
    createSourceDatabase(plan, spec, password, pipeline.atSource),
    createSinkDatabase(plan, password),
  ]);
  if (readsTopics(pipeline)) {
    const scope = { 'table.include.list': tablesOf(pipeline).join(',') };
    const overrides = { ...spec.source.overrides, ...scope, ...pipeline.capture };
    const captured = { ...spec, source: { ...spec.source, overrides } };
    const { config } = await connectorOf(plan, captured, 'source');
    await createTopics(plan, topicsOf(plan, pipeline), config);
    await runtime.launch(services.capture, signal);
    await startConnector(plan, captured, 'source', signal);
  }
  await placedPipeline(context, plan, file).start();
  await runtime.launch(services.verifier, signal);
  await markReady(context.runFile, plan.name);
}

/** Starts those of its processes that do not run. Workers remember their connectors. Returns the services started. */
export async function repairInstance(context: ProcessLabContext, record: InstanceRecord): Promise<string[]> {
  const { runtime } = context;
  const plan = planOf(context, record);
  const states = new Map((await runtime.services()).map((service) => [service.name, service.state]));
  const repaired = await settleAll(
    servicesOf(plan).map(async (name) => {
      const state = states.get(name);
      if (state === 'running') return undefined;
      await (state === 'paused' ? runtime.resume(name) : runtime.start(name));
      return name;
    }),
  );
  return repaired.filter((name) => name !== undefined);
}

function servicesOf(plan: InstancePlan): string[] {
  const { capture, verifier } = plan.services;
  return [capture, verifier, ...sinkWorkers(plan).map(({ service }) => service)];
}

/**
 * Ends the instance's processes, drops everything it has on the shared servers, and removes its private ones. Idempotent.
 * The shared servers must run.
 */
export async function dropInstance(context: ProcessLabContext, name: string): Promise<void> {
  const { runtime, runFile, password } = context;
  const record = runFile.read()?.instances[name];
  if (record === undefined) return;
  const plan = planOf(context, record);
  const { pipeline } = record.spec;
  if (pipeline !== undefined) await stopPipeline(placedPipeline(context, plan, pipeline), record);
  const mine = (await runtime.services()).filter((service) => service.name.endsWith(`@${name}`));
  const sinks = sinkWorkers(plan).map(({ service }) => service);
  const isServer = ({ kind }: ServiceInfo): boolean => kind === 'postgres' || kind === 'kafka';
  await settleAll(
    mine.map(async (service) => {
      if (isServer(service)) return;
      // Only the sink ends gracefully: it leaves its consumer group then.
      const graceful = sinks.includes(service.name) && service.state === 'running';
      if (graceful) await runtime.stop(service.name);
      else if (service.state !== 'stopped' && service.state !== 'dead') await runtime.kill(service.name);
    }),
  );
  await removePrivateServers(context, plan);
  await settleAll([
    dropDatabases(plan, password),
    ...(plan.privateServers?.includes('kafka') === true ? [] : [dropTopicsAndGroup(plan)]),
  ]);
  rmSync(plan.dir, { recursive: true, force: true });
  await runFile.update((run) => {
    delete run.instances[name];
    for (const service of mine) delete run.services[service.name];
  });
}

/**
 * It may run where the lab cannot see it, so it stops itself. If it was never ready, a failure to stop is ignored.
 */
async function stopPipeline(pipeline: PlacedPipeline, { state }: InstanceRecord): Promise<void> {
  const stopped = pipeline.stop();
  await (state === 'ready' ? stopped : stopped.catch(() => undefined));
}
