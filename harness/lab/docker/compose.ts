import { join } from 'node:path';
import { execa } from 'execa';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { PROJECT_DIR } from '../../project.ts';

/** The first version with inline configs and optional dependencies. */
const NEEDED = [2, 24] as const;

/** The image that `docker-compose.yml` builds unless another is named. */
export const LAB_IMAGE = 'cdc-lab:0.1.0';

/** Which image the lab's own containers are made of, and whether it is built here. */
export function labImage(env: NodeJS.ProcessEnv = process.env): {
  readonly name: string;
  readonly own: boolean;
} {
  const named = env.CDC_LAB_IMAGE_LAB ?? '';
  return named === '' ? { name: LAB_IMAGE, own: true } : { name: named, own: false };
}

export interface ComposeProject {
  readonly name: string;
  /**
   * The file's variables, `CDC_LAB_…`. They hold the password, so they are passed in the environment, never as
   * arguments.
   */
  readonly env: Readonly<Record<string, string>>;
  /** Size that the servers' volumes are limited to, as `256m`; null: the machine's disk is the limit. */
  readonly diskLimit: string | null;
}

/**
 * `docker compose` on the project's own file.
 * @throws LabError CDC-5207 with the last lines of its output if it fails.
 */
export async function compose(
  project: ComposeProject,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const names = ['docker-compose.yml', ...(project.diskLimit === null ? [] : ['docker/disk-limit.yml'])];
  const files = names.flatMap((name) => ['--file', join(PROJECT_DIR, name)]);
  const where = ['--project-name', project.name, ...files, '--project-directory', PROJECT_DIR];
  const result = await execa('docker', ['compose', ...where, '--progress', 'plain', ...args], {
    env: { ...project.env, CDC_LAB_DISK_LIMIT: project.diskLimit ?? '' },
    reject: false,
    all: true,
    ...(signal === undefined ? {} : { cancelSignal: signal, gracefulCancel: false }),
  });
  signal?.throwIfAborted();
  if (result.exitCode === 0) return result.stdout;
  const output = (result.all ?? '').trim().split('\n').slice(-15).join('\n');
  throw new LabError('CDC-5207', `docker compose ${args[0]} failed:\n${output}`, {
    remedy:
      '`docker logs CONTAINER` says why a container is unhealthy. For an image that cannot be pulled, name another by its variable: docs/docker.md.',
    cause: result.cause,
  });
}

/** @returns the version of Compose. @throws LabError CDC-5202 if it is missing or too old. */
export async function checkCompose(): Promise<string> {
  const asked = await execa('docker', ['compose', 'version', '--short'], { reject: false });
  const said = asked.exitCode === 0 ? asked.stdout.trim() : undefined;
  if (said !== undefined && isEnough(said)) return said;
  const needed = NEEDED.join('.');
  const found = said === undefined ? 'It has none' : `It has ${said}`;
  throw new LabError('CDC-5202', `The docker command needs Compose ${needed} or newer. ${found}.`, {
    remedy: 'Install the plug-in docker-compose-plugin: https://docs.docker.com/compose/install/',
  });
}

export function isEnough(version: string): boolean {
  const [, major = '0', minor = '0'] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) !== NEEDED[0]) return Number(major) > NEEDED[0];
  return Number(minor) >= NEEDED[1];
}
