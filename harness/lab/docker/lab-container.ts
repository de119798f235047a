import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_DIR } from '../../project.ts';
import type { InstancePlan } from '../instance/instance-plan.ts';
import type { ServiceSpec } from '../services/service-spec.ts';
import { labImage } from './compose.ts';
import { containerUser, type DockerLabContext, INSIDE_PORT } from './docker-context.ts';
import { aliasOf } from './labels.ts';
import type { ContainerSpec } from './launch.ts';

export const POSTGRES_PORT = 5432;
/** The project's folder in the image. */
const IMAGE_DIR = '/app';

/** The plan as its containers see it: peers by name, each at its own port. File paths are those of this machine. */
export function inNetwork(plan: InstancePlan): InstancePlan {
  const url = (service: string) => `http://${aliasOf(service)}:${INSIDE_PORT}`;
  return {
    ...plan,
    sourceUrl: `postgres://postgres@pg-source:${POSTGRES_PORT}/${plan.database}`,
    sinkUrl: `postgres://postgres@pg-sink:${POSTGRES_PORT}/${plan.database}`,
    bootstrapServers: ['kafka:9092'],
    captureUrl: url(plan.services.capture),
    sinkWorkerUrl: url(plan.services.sink),
    verifierUrl: url(plan.services.verifier),
    ports: {
      capture: INSIDE_PORT,
      sink: INSIDE_PORT,
      verifier: INSIDE_PORT,
      pgSource: POSTGRES_PORT,
      pgSink: POSTGRES_PORT,
    },
  };
}

/** A process of the lab as a container of its image. @param hostPort Null: it listens on no port. */
export function containerOf(
  { password }: DockerLabContext,
  plan: InstancePlan,
  spec: ServiceSpec,
  hostPort: number | null,
): ContainerSpec {
  const { uid, gid } = containerUser();
  // The image's entrypoint is Node. Of this machine's flags only the heap's limits apply there.
  const main = spec.args.findIndex((arg) => arg.startsWith(join(PROJECT_DIR, '/')) && arg.endsWith('.ts'));
  const heap = spec.args.slice(0, main).filter((arg) => arg.startsWith('--max-'));
  const [file = '', ...args] = spec.args.slice(main);
  return {
    service: spec.name,
    kind: spec.kind,
    instance: plan.name,
    image: labImage().name,
    args: [...heap, join(IMAGE_DIR, file.slice(PROJECT_DIR.length)), ...args],
    user: `${uid}:${gid}`,
    env: { ...mallocOf(spec), PGPASSWORD: password },
    folders: [plan.dir],
    port: hostPort === null ? null : { inside: INSIDE_PORT, host: hostPort },
  };
}

/** The image has its own paths and time zone, so only the settings of the C library are passed on. */
function mallocOf({ env }: ServiceSpec): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('MALLOC_')));
}

/** Makes a service in a container listen on all addresses, and accept requests to its name or to a published port. */
export function openToNetwork(file: string, plan: InstancePlan): void {
  const config = z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(file, 'utf8')));
  const names = [...Object.values(plan.services).map(aliasOf), '127.0.0.1', 'localhost'];
  writeFileSync(file, `${JSON.stringify({ ...config, host: '0.0.0.0', names }, null, 2)}\n`);
}
