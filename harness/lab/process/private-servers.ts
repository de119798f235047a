import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unreachable } from '../../../pipeline/contract/unreachable.ts';
import { settleAll } from '../../settle-all.ts';
import type { InstancePlan } from '../instance/instance-plan.ts';
import type { PrivateServer } from '../lab.ts';
import type { ServiceSpec } from '../services/service-spec.ts';
import { prepareKafka } from './kafka-service.ts';
import { preparePostgres } from './postgres-service.ts';
import type { ProcessLabContext } from './process-runtime.ts';

/** Name of the service, and of its folder below `data/`. */
export const privateName = (plan: Pick<InstancePlan, 'name'>, server: string): string =>
  `${server}@${plan.name}`;

/**
 * Starts the servers that an instance shares with nobody. Its record is on disk already: where the starter is killed, the
 * next command finds what is there by the instance's name.
 */
export async function startPrivateServers(
  context: ProcessLabContext,
  plan: InstancePlan,
  signal?: AbortSignal,
): Promise<void> {
  const { privateServers = [] } = plan;
  await settleAll(
    privateServers.map(async (server) =>
      context.runtime.launch(await prepared(context, plan, server), signal),
    ),
  );
}

function prepared(
  { stateDir, password }: ProcessLabContext,
  plan: InstancePlan,
  server: PrivateServer,
): Promise<ServiceSpec> {
  const name = privateName(plan, server);
  const place = {
    name,
    stateDir,
    dataDir: join(stateDir, 'data', name),
    log: join(stateDir, 'logs', `${name}.log`),
  };
  const { pgSource, pgSink, kafka } = plan.ports;
  switch (server) {
    case 'pg-source':
      return preparePostgres({ ...place, port: pgSource, password });
    case 'pg-sink':
      return preparePostgres({ ...place, port: pgSink, password });
    case 'kafka':
      if (kafka === undefined) throw new Error(`${name} has no ports`);
      return prepareKafka({ ...place, ports: kafka });
    default:
      return unreachable(server, 'private server');
  }
}

/**
 * Ends the private servers of an instance, and whatever else a fault has started beside them, and removes their data.
 * Idempotent. Nothing there has to end gracefully.
 */
export async function removePrivateServers(
  { runtime, stateDir }: ProcessLabContext,
  plan: Pick<InstancePlan, 'name' | 'privateServers'>,
): Promise<void> {
  if (plan.privateServers === undefined) return;
  const mine = (await runtime.services()).filter(
    ({ name, kind }) => (kind === 'postgres' || kind === 'kafka') && name.endsWith(`@${plan.name}`),
  );
  await settleAll(mine.map(({ name }) => runtime.killIfAlive(name)));
  for (const name of foldersOf(join(stateDir, 'data'), plan.name)) {
    rmSync(join(stateDir, 'data', name), { recursive: true, force: true });
  }
  for (const { name } of mine) await runtime.forget(name);
}

/** What the servers of one instance have below `data/`, copies included: `pg-source@NAME`, `pg-source.standby@NAME`. */
function foldersOf(data: string, instance: string): string[] {
  if (!existsSync(data)) return [];
  // An initdb that was killed leaves the file with its password, too.
  const ends = [`@${instance}`, `@${instance}.password`];
  return readdirSync(data).filter((name) => ends.some((end) => name.endsWith(end)));
}
