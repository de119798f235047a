import type Docker from 'dockerode';
import type { Proof, ServiceKind } from '../runtime.ts';
import { networkOf } from './containers.ts';
import type { DockerRuntime } from './docker-runtime.ts';
import { isAbsent } from './engine.ts';
import { aliasOf, LABELS, ofRun } from './labels.ts';

/** A service's container, before it is created. */
export interface ContainerSpec {
  readonly service: string;
  readonly kind: ServiceKind;
  readonly instance: string;
  readonly image: string;
  /** What follows the image's entrypoint. */
  readonly args: readonly string[];
  /** `UID:GID`. */
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  /** Folders of this machine that it sees under the same path. */
  readonly folders: readonly string[];
  /** Published on this machine's loopback; null: it listens on no port. */
  readonly port: { readonly inside: number; readonly host: number } | null;
}

/** Creates a service's container, replacing the one that it had, and starts it. */
export async function launch(
  runtime: DockerRuntime,
  spec: ContainerSpec,
  signal?: AbortSignal,
): Promise<Proof> {
  const { docker, runId } = runtime;
  signal?.throwIfAborted();
  await removeService(docker, runId, spec.service);
  const { name: network } = await networkOf(docker, runId);
  await docker.createContainer(creation(spec, runId, network));
  return runtime.start(spec.service, signal);
}

function creation(spec: ContainerSpec, runId: string, network: string): Docker.ContainerCreateOptions {
  const { service, kind, instance, port } = spec;
  const alias = aliasOf(service);
  const inside = port === null ? null : `${port.inside}/tcp`;
  return {
    name: `cdc-lab-${runId}-${alias}`,
    Image: spec.image,
    Cmd: [...spec.args],
    User: spec.user,
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    Labels: {
      [LABELS.run]: runId,
      [LABELS.service]: service,
      [LABELS.kind]: kind,
      [LABELS.alias]: alias,
      [LABELS.instance]: instance,
      ...(port === null ? {} : { [LABELS.port]: String(port.inside) }),
    },
    // The lab probes the service itself, without waiting for a health check.
    Healthcheck: { Test: ['NONE'] },
    ...(inside === null ? {} : { ExposedPorts: { [inside]: {} } }),
    HostConfig: {
      NetworkMode: network,
      Binds: spec.folders.map((folder) => `${folder}:${folder}`),
      ...(inside === null ? {} : { PortBindings: { [inside]: [publish(port?.host ?? 0)] } }),
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [alias] } } },
  };
}

const publish = (port: number) => ({ HostIp: '127.0.0.1', HostPort: String(port) });

/** Removes a service's containers and their anonymous volumes. */
export async function removeService(docker: Docker, runId: string, service: string): Promise<void> {
  await removeContainers(docker, { ...ofRun(runId, { [LABELS.service]: service }) });
}

/** Removes the containers of an instance. */
export async function removeInstance(docker: Docker, runId: string, instance: string): Promise<void> {
  await removeContainers(docker, { ...ofRun(runId, { [LABELS.instance]: instance }) });
}

/** Removes everything with the run's id: containers, networks, volumes. */
export async function removeRun(docker: Docker, runId: string): Promise<void> {
  const filters = ofRun(runId);
  await removeContainers(docker, filters);
  for (const { Id } of await docker.listNetworks({ filters })) await gone(docker.getNetwork(Id).remove());
  const { Volumes } = await docker.listVolumes({ filters });
  for (const { Name } of Volumes ?? []) await gone(docker.getVolume(Name).remove());
}

async function removeContainers(docker: Docker, filters: { label: string[] }): Promise<void> {
  const listed = await docker.listContainers({ all: true, filters });
  // `v`: also remove anonymous volumes, which only this container uses.
  await Promise.all(listed.map(({ Id }) => gone(docker.getContainer(Id).remove({ force: true, v: true }))));
}

/** Ignores that the thing was gone already. */
async function gone(removal: Promise<unknown>): Promise<void> {
  await removal.catch((error: unknown) => {
    if (!isAbsent(error)) throw error;
  });
}
