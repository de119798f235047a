import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { settleAll } from '../../settle-all.ts';
import { engineOf, OWN_ENGINES } from '../engines.ts';
import { createSinkDatabase, createSourceDatabase, dropDatabases } from '../instance/instance-databases.ts';
import type { InstancePlan } from '../instance/instance-plan.ts';
import { prepareProcesses } from '../instance/instance-processes.ts';
import { dropTopicsAndGroup } from '../instance/instance-topics.ts';
import { planOf } from '../instance/lab-context.ts';
import { makeAtOnce } from '../instance/make-at-once.ts';
import { startConnector } from '../instance/start-connector.ts';
import type { Instance, InstanceSpec } from '../lab.ts';
import { markReady } from '../state/record-instance.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import { connectContainer } from './connect-container.ts';
import { startWorkload } from './container-workload.ts';
import { type DockerLabContext, giveToContainers } from './docker-context.ts';
import { containerOf, inNetwork, openToNetwork, POSTGRES_PORT } from './lab-container.ts';
import { type ContainerSpec, launch, removeInstance } from './launch.ts';

/** A handle for a recorded instance; starts nothing. */
export function instanceHandle(context: DockerLabContext, record: InstanceRecord): Instance {
  const plan = planOf(context, record);
  return {
    ...plan,
    alertLag: record.spec.alertLag,
    startWorkload: (spec) => startWorkload(context, plan, spec),
    [Symbol.asyncDispose]: () => dropInstance(context, plan.name),
  };
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

/** Sets up what an instance's record says, concurrently where possible. The record is on disk already. */
export async function buildInstance(
  context: DockerLabContext,
  record: InstanceRecord,
  signal?: AbortSignal,
): Promise<void> {
  const { runtime, password } = context;
  const plan = planOf(context, record);
  const spec = specInNetwork(record.spec);
  mkdirSync(plan.dir, { recursive: true });
  const containers = containersOf(context, plan, spec);
  giveToContainers(plan.dir);
  await makeAtOnce({
    source: createSourceDatabase(plan, spec, password),
    sink: createSinkDatabase(plan, password),
    workers: [launch(runtime, containers.capture, signal), launch(runtime, containers.sink, signal)],
    startCapture: () => startConnector(plan, spec, 'source', signal),
    startVerifier: () => launch(runtime, containers.verifier, signal),
  });
  // After the capture, which creates the topics.
  await startConnector(plan, spec, 'sink', signal);
  await markReady(context.runFile, plan.name);
}

type Role = 'capture' | 'sink' | 'verifier';

/** Writes the configuration files of the lab's own processes, and returns what to make each container of. */
function containersOf(
  context: DockerLabContext,
  plan: InstancePlan,
  spec: InstanceSpec,
): Record<Role, ContainerSpec> {
  const inside = inNetwork(plan);
  // Connect is configured by its container's environment: it needs neither a file nor jars here.
  const services = prepareProcesses({ ...inside, engines: OWN_ENGINES }, spec, context.stateDir);
  const own = (role: Role): ContainerSpec => {
    openToNetwork(join(plan.dir, `${role}.json`), plan);
    return containerOf(context, plan, services[role], plan.ports[role]);
  };
  const worker = (role: 'capture' | 'sink'): ContainerSpec => {
    const { host } = engineOf(role === 'capture' ? 'source' : 'sink', plan.engines);
    if (host === 'worker') return own(role);
    return connectContainer(context, inside, spec, { role, hostPort: plan.ports[role] });
  };
  return { capture: worker('capture'), sink: worker('sink'), verifier: own('verifier') };
}

/** Removes the instance's containers and drops everything it has on the servers. Idempotent. The servers must run. */
export async function dropInstance(context: DockerLabContext, name: string): Promise<void> {
  const { runtime, runFile, password } = context;
  const record = runFile.read()?.instances[name];
  if (record === undefined) return;
  const plan = planOf(context, record);
  // Only the sink ends gracefully: it leaves its consumer group then.
  const sink = (await runtime.services()).find((service) => service.name === plan.services.sink);
  if (sink?.state === 'running') await runtime.stop(sink.name);
  await removeInstance(runtime.docker, runtime.runId, name);
  await settleAll([dropDatabases(plan, password), dropTopicsAndGroup(plan)]);
  rmSync(plan.dir, { recursive: true, force: true });
  await runFile.update((run) => {
    delete run.instances[name];
  });
}
