import type Docker from 'dockerode';
import { LabError } from '../../../pipeline/contract/errors.ts';
import type { ServiceInfo, ServiceKind } from '../runtime.ts';
import type { Probe } from '../services/service-spec.ts';
import { isAbsent } from './engine.ts';
import { COMPOSE_SERVICE, LABELS, ofRun } from './labels.ts';

/** A service's container, as the engine described it just now. */
export interface Found {
  readonly service: string;
  readonly kind: ServiceKind;
  readonly container: Docker.Container;
  readonly details: Docker.ContainerInspectInfo;
}

const KINDS: readonly ServiceKind[] = ['postgres', 'kafka', 'worker', 'verifier', 'workload'];

/** The run's services, including those that are down. */
export async function findServices(docker: Docker, runId: string): Promise<Found[]> {
  const listed = await docker.listContainers({ all: true, filters: ofRun(runId) });
  const found = await Promise.all(listed.map(({ Id }) => describe(docker.getContainer(Id))));
  return found.filter((one) => one !== undefined).sort((a, b) => a.service.localeCompare(b.service));
}

/** @throws LabError CDC-5203 if the run has no such service. */
export async function findService(docker: Docker, runId: string, service: string): Promise<Found> {
  const filters = ofRun(runId, { [LABELS.service]: service });
  const [listed] = await docker.listContainers({ all: true, filters });
  const found = listed && (await describe(docker.getContainer(listed.Id)));
  if (found !== undefined) return found;
  const known = (await findServices(docker, runId)).map((one) => one.service);
  throw new LabError('CDC-5203', `The lab has no service ${service}.`, {
    remedy: `It has: ${known.join(', ') || 'none; run `cdc-lab up --runtime docker`'}.`,
  });
}

/** Undefined if it has gone meanwhile, or is not a service, such as the one that sets the lab up. */
async function describe(container: Docker.Container): Promise<Found | undefined> {
  const details = await container.inspect().catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  const { [LABELS.service]: service, [LABELS.kind]: label } = details?.Config.Labels ?? {};
  const kind = KINDS.find((one) => one === label);
  if (details === undefined || service === undefined || kind === undefined) return undefined;
  return { service, kind, container, details };
}

/** The port on this machine's loopback that is published for the service; null if there is none. */
export function hostPort({ details }: Found): number | null {
  const inside = details.Config.Labels[LABELS.port];
  if (inside === undefined) return null;
  const key = `${inside}/tcp`;
  // A port that was asked for is known while the container is down too, a random one only while it runs.
  const asked = bindingOf(details.HostConfig.PortBindings, key);
  return asked ?? bindingOf(details.NetworkSettings.Ports, key) ?? null;
}

function bindingOf(bindings: unknown, key: string): number | undefined {
  const list = (bindings as Record<string, { HostPort?: string }[] | null> | null)?.[key];
  const port = Number(list?.[0]?.HostPort ?? 0);
  return port > 0 ? port : undefined;
}

export function probeOf(found: Found): Probe {
  const port = hostPort(found);
  if (port === null) return { tag: 'none' };
  switch (found.kind) {
    case 'postgres':
      return { tag: 'postgres', port };
    case 'kafka':
      return { tag: 'kafka', port };
    case 'verifier':
      return { tag: 'http', port, path: '/health', anyStatus: true };
    default:
      return { tag: 'http', port, path: '/', anyStatus: false };
  }
}

/** Exit codes of a container that ended by itself, or on SIGINT or SIGTERM. With any other it died or was killed. */
const ORDERLY: readonly number[] = [0, 130, 143];

export function stateOf({ State }: Docker.ContainerInspectInfo): ServiceInfo['state'] {
  if (State.Paused) return 'paused';
  if (State.Running) return 'running';
  if (State.Status === 'created') return 'stopped';
  return ORDERLY.includes(State.ExitCode) ? 'stopped' : 'dead';
}

export function infoOf(found: Found): ServiceInfo {
  const { service, kind, details } = found;
  const { Pid } = details.State;
  return {
    name: service,
    kind,
    state: stateOf(details),
    pid: Pid > 0 ? Pid : null,
    port: hostPort(found),
    log: `docker logs ${nameOf(details)}`,
    connected: Object.keys(details.NetworkSettings.Networks).length > 0,
  };
}

export function nameOf(details: Docker.ContainerInspectInfo): string {
  return details.Name.replace(/^\//, '');
}

/** The name by which its peers reach it. */
export function aliasOfFound({ service, details }: Found): string {
  const { [LABELS.alias]: alias, [COMPOSE_SERVICE]: compose } = details.Config.Labels;
  return alias ?? compose ?? service;
}

/** The one network that the services of a run share. @throws LabError CDC-5204 if there is none. */
export async function networkOf(
  docker: Docker,
  runId: string,
): Promise<{ readonly name: string; readonly network: Docker.Network }> {
  const [network] = await docker.listNetworks({ filters: ofRun(runId) });
  if (network !== undefined) return { name: network.Name, network: docker.getNetwork(network.Id) };
  throw new LabError('CDC-5204', `The network of run ${runId} is gone.`, {
    remedy: '`cdc-lab up --runtime docker` makes it again.',
  });
}
