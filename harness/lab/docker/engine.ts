import Docker from 'dockerode';
import { execa } from 'execa';
import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';

/** The client gives up on a longer request, and if the answer had begun, its promise never settles. So nothing may wait by
 * one long request. */
const ENGINE_TIMEOUT_MS = 120_000;

/**
 * The engine that the `docker` command talks to: DOCKER_HOST, or that of the current context.
 * @throws LabError CDC-5201 if no engine answers.
 */
export async function connectEngine(): Promise<Docker> {
  const docker = new Docker({ ...(await endpoint()), timeout: ENGINE_TIMEOUT_MS });
  try {
    await docker.ping();
    return docker;
  } catch (cause) {
    throw new LabError('CDC-5201', `No Docker engine answers: ${messageOf(cause)}.`, {
      remedy: 'Start one, or set DOCKER_HOST; `docker info` shows whether it can be reached.',
      cause,
    });
  }
}

/** The engine's address for dockerode, which reads DOCKER_HOST itself but does not know the command's contexts. */
async function endpoint(): Promise<Docker.DockerOptions> {
  if ((process.env.DOCKER_HOST ?? '') !== '') return {};
  const format = ['--format', '{{.Endpoints.docker.Host}}'];
  const asked = await execa('docker', ['context', 'inspect', ...format], { reject: false });
  const socket = /^unix:\/\/(.+)$/.exec(asked.stdout?.trim() ?? '')?.[1];
  return socket === undefined ? {} : { socketPath: socket };
}

/** Whether dockerode reports that something does not exist. */
export function isAbsent(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** HTTP status of the answer that dockerode turned into an error. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
