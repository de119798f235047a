import Docker from 'dockerode';
import { execa } from 'execa';
import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';

/** A request that takes longer is given up, and once its answer has begun nobody is told: nothing may wait by one. */
const ENGINE_TIMEOUT_MS = 120_000;

/**
 * The engine that the `docker` command talks to: DOCKER_HOST, or that of the current context.
 * @throws LabError CDC-5201 where no engine answers.
 */
export async function connectEngine(): Promise<Docker> {
  const docker = new Docker({ ...(await endpoint()), timeout: ENGINE_TIMEOUT_MS });
  try {
    await docker.ping();
    return docker;
  } catch (cause) {
    throw new LabError('CDC-5201', `No Docker engine answers: ${messageOf(cause)}.`, {
      remedy: 'Start one, or name it with DOCKER_HOST; `docker info` shows whether it is reached.',
      cause,
    });
  }
}

/** Where the engine listens, for dockerode. It knows DOCKER_HOST by itself, and nothing of the command's contexts. */
async function endpoint(): Promise<Docker.DockerOptions> {
  if ((process.env.DOCKER_HOST ?? '') !== '') return {};
  const format = ['--format', '{{.Endpoints.docker.Host}}'];
  const asked = await execa('docker', ['context', 'inspect', ...format], { reject: false });
  const socket = /^unix:\/\/(.+)$/.exec(asked.stdout?.trim() ?? '')?.[1];
  return socket === undefined ? {} : { socketPath: socket };
}

/** What dockerode says of a thing that is not there. */
export function isAbsent(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** HTTP status of an answer that dockerode made an error of. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
