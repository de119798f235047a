import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { type ContainerSpec, launch, removeInstance } from '../../runtimes/docker/launch.ts';
import type { InstanceRecord } from '../../runtimes/process/run-file.ts';
import { startConnector } from '../connectors.ts';
import type { Instance, InstanceSpec } from '../instance.ts';
import { createSinkDatabase, createSourceDatabase, dropDatabases } from '../instance-databases.ts';
import { type InstancePlan, planInstance } from '../instance-plan.ts';
import { prepareProcesses } from '../instance-processes.ts';
import { dropTopicsAndGroup } from '../instance-topics.ts';
import { settleAll } from '../standing-instance.ts';
import { type DockerLabContext, giveToContainers } from './context.ts';
import { containerOf, inNetwork, openToNetwork, POSTGRES_PORT } from './services.ts';
import { startWorkload } from './workload.ts';

/** The instance that a record stands for, as a handle; starts nothing. */
export function standingInstance(context: DockerLabContext, record: InstanceRecord): Instance {
  const plan = planOf(context, record);
  return {
    ...plan,
    startWorkload: (spec) => startWorkload(context, plan, spec),
    [Symbol.asyncDispose]: () => dropInstance(context, plan.name),
  };
}

/** As this machine sees it: every address is a published port of its loopback. */
export function planOf(context: DockerLabContext, record: InstanceRecord): InstancePlan {
  const run = context.runFile.read();
  if (run === undefined) throw new Error(`there is no lab in ${context.stateDir}`);
  return planInstance(context.stateDir, run, record.name, record.ports);
}

/** The connectors reach the servers from inside the network. */
function specInNetwork(spec: InstanceSpec): InstanceSpec {
  const source = { 'database.hostname': 'pg-source', 'database.port': String(POSTGRES_PORT) };
  const sink = { 'connection.url': `jdbc:postgresql://pg-sink:${POSTGRES_PORT}/@{sinkDatabase}` };
  return {
    ...spec,
    source: { ...spec.source, overrides: { ...source, ...spec.source.overrides } },
    sink: { ...spec.sink, overrides: { ...sink, ...spec.sink.overrides } },
  };
}

/** Sets up what the record of an instance says, as much as possible at once. The record is on disk before. */
export async function buildInstance(
  context: DockerLabContext,
  record: InstanceRecord,
  signal?: AbortSignal,
): Promise<void> {
  const { runtime, password, stateDir } = context;
  const plan = planOf(context, record);
  const spec = specInNetwork(record.spec);
  mkdirSync(plan.dir, { recursive: true });
  const services = prepareProcesses(inNetwork(plan), spec, stateDir);
  const containers = Object.fromEntries(
    (['capture', 'sink', 'verifier'] as const).map((role) => {
      openToNetwork(join(plan.dir, `${role}.json`), plan);
      return [role, containerOf(context, plan, services[role], plan.ports[role])];
    }),
  ) as Record<'capture' | 'sink' | 'verifier', ContainerSpec>;
  giveToContainers(plan.dir);
  const source = createSourceDatabase(plan, spec, password);
  const sink = createSinkDatabase(plan, password);
  await settleAll<unknown>([
    Promise.all([source, launch(runtime, containers.capture, signal)]).then(() =>
      startConnector(plan, spec, 'source', signal),
    ),
    Promise.all([sink, launch(runtime, containers.sink, signal)]),
    Promise.all([source, sink]).then(() => launch(runtime, containers.verifier, signal)),
  ]);
  // After the capture: it makes the topics.
  await startConnector(plan, spec, 'sink', signal);
  await context.runFile.update((run) => {
    const mine = run.instances[plan.name];
    if (mine !== undefined) mine.state = 'ready';
  });
}

/** Removes the instance's containers and drops all that it has on the servers. Idempotent; needs the servers. */
export async function dropInstance(context: DockerLabContext, name: string): Promise<void> {
  const { runtime, runFile, password } = context;
  const record = runFile.read()?.instances[name];
  if (record === undefined) return;
  const plan = planOf(context, record);
  // It leaves its consumer group when it is asked to end; nobody else has anything left to say.
  const sink = (await runtime.services()).find((service) => service.name === plan.services.sink);
  if (sink?.state === 'running') await runtime.stop(sink.name);
  await removeInstance(runtime.docker, runtime.runId, name);
  await settleAll([dropDatabases(plan, password), dropTopicsAndGroup(plan)]);
  rmSync(plan.dir, { recursive: true, force: true });
  await runFile.update((run) => {
    delete run.instances[name];
  });
}

/** @throws LabError CDC-5209 for what only the process runtime hosts. */
export function refuseForeignEngines({ engines }: Pick<InstanceSpec, 'engines'>): void {
  const { source, sink } = engines ?? { source: 'ts', sink: 'ts' };
  if (source === 'ts' && sink === 'ts') return;
  throw new LabError(
    'CDC-5209',
    `Not run: the docker runtime makes no pipeline of ${source} and ${sink} itself.`,
    {
      remedy:
        'Leave out --runtime docker, or use `docker compose --env-file docker/debezium.env up`: docs/docker.md.',
    },
  );
}
