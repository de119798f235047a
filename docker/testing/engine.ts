import { randomBytes } from 'node:crypto';
import type Docker from 'dockerode';
import type { TestProject } from 'vitest/node';
import { connectEngine } from '../../harness/lab/docker/engine.ts';
import { LABELS } from '../../harness/lab/docker/labels.ts';

/** Images that the tests run on: the official ones, or their stand-ins. `docker/test.sh` says which, and why. */
export interface TestImages {
  readonly postgres: string;
  readonly kafka: string;
  readonly lab: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    images: TestImages;
  }
}

const VARIABLES = {
  postgres: 'CDC_LAB_IMAGE_POSTGRES',
  kafka: 'CDC_LAB_IMAGE_KAFKA',
  lab: 'CDC_LAB_IMAGE_LAB',
} as const;

/**
 * Set-up of the vitest project `docker`. An engine and the images must exist; `npm run test:docker` provides both.
 */
export default async function setup(project: TestProject): Promise<void> {
  const docker = await connectEngine();
  const named = Object.entries(VARIABLES).map(([key, variable]) => [key, process.env[variable] ?? '']);
  const images = Object.fromEntries(named) as unknown as TestImages;
  for (const [key, image] of Object.entries(images)) {
    if (image === '')
      throw new Error(`${VARIABLES[key as keyof TestImages]} is not set: use npm run test:docker`);
    await docker.getImage(image).inspect();
  }
  project.provide('images', images);
}

/** A unique id for a run. */
export function freshRunId(): string {
  return `test-${randomBytes(4).toString('hex')}`;
}

/** Names of what is left of a run on the engine. */
export async function leftOf(docker: Docker, label: string): Promise<string[]> {
  const filters = { label: [label] };
  const containers = await docker.listContainers({ all: true, filters });
  const networks = await docker.listNetworks({ filters });
  const { Volumes } = await docker.listVolumes({ filters });
  return [
    ...containers.map(({ Names }) => `container ${Names.join()}`),
    ...networks.map(({ Name }) => `network ${Name}`),
    ...(Volumes ?? []).map(({ Name }) => `volume ${Name}`),
  ];
}

export const labelOfRun = (runId: string): string => `${LABELS.run}=${runId}`;
