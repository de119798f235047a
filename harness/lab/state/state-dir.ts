import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LabError } from '../../../pipeline/contract/errors.ts';

/** Says that a folder is a lab's, and may be removed as one. */
const MARKER = '.cdc-lab';
/** Two fresh PostgreSQL clusters and a broker take about 150 MB. */
export const LAB_BYTES = 500 * 2 ** 20;

/**
 * Makes the state folder where there is none.
 *
 * @returns its path without symbolic links.
 * @throws LabError where it is not writable, holds something that is none of ours, or its disk is full.
 */
export function claimStateDir(dir: string): string {
  const path = resolve(dir);
  try {
    makeFolder(path);
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new LabError('CDC-5118', `The folder ${path} cannot be written to: ${(error as Error).message}.`, {
      remedy: 'Choose another with --dir, or make it writable.',
      cause: error,
    });
  }
  if (!existsSync(join(path, MARKER))) {
    if (readdirSync(path).length > 0) throw foreign(path);
    writeMarker(path);
    // PostgreSQL may run as another user, and must get through to its data; it can list nothing.
    chmodSync(path, 0o711);
  }
  return realpathSync(path);
}

/** Bytes that are free on the disk of a folder, or of the nearest one above it that exists. */
export function freeBytes(folder: string): number {
  let existing = resolve(folder);
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}

/**
 * @param neededBytes what is to be written there; by default what an empty lab takes.
 * @throws LabError CDC-5119 where the disk is too full for it.
 */
export function checkDisk(folder: string, neededBytes: number = LAB_BYTES): void {
  const free = freeBytes(folder);
  if (free >= neededBytes) return;
  throw new LabError('CDC-5119', `Only ${megabytes(free)} are free on the disk of ${folder}.`, {
    remedy: `Make room (${megabytes(neededBytes)} are needed), or choose another disk with --dir.`,
  });
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20).toLocaleString('en')} MB`;
}

/** The path of a lab's folder; undefined where there is none. @throws LabError for a folder that is none of ours. */
export function findStateDir(dir: string): string | undefined {
  const path = resolve(dir);
  if (!existsSync(path)) return undefined;
  if (!existsSync(join(path, MARKER))) {
    if (readdirSync(path).length === 0) return undefined;
    throw foreign(path);
  }
  return realpathSync(path);
}

/** The superuser's password on both servers, random per lab; only this file holds it. */
export function readOrMakePassword(stateDir: string): string {
  const path = join(stateDir, 'secret');
  if (!existsSync(path)) {
    const fresh = `${path}.fresh`;
    writeFileSync(fresh, randomBytes(24).toString('base64url'), { mode: 0o600, flush: true });
    renameSync(fresh, path);
  }
  return readFileSync(path, 'utf8');
}

/** Not mkdir's own `recursive`: below a file system that refuses folders with ENOENT (/proc) that never ends. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  mkdirSync(path, { mode: 0o711 });
}

function writeMarker(path: string): void {
  try {
    writeFileSync(
      join(path, MARKER),
      'State of a cdc-lab: data, logs, processes. `cdc-lab clean` removes it.\n',
    );
  } catch (error) {
    throw new LabError('CDC-5118', `The folder ${path} cannot be written to: ${(error as Error).message}.`, {
      remedy: 'Choose another with --dir, or make it writable.',
      cause: error,
    });
  }
}

function foreign(path: string): LabError {
  return new LabError('CDC-5120', `The folder ${path} holds something that is none of the lab's.`, {
    remedy: 'Choose another with --dir; an empty one, or one that does not exist yet.',
  });
}
