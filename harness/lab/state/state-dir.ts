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
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { bytesText } from '../../../verifier/units.ts';
import { UsageError } from '../../errors.ts';

/** Marks a folder as a lab's, which `clean` may remove. */
const MARKER = '.cdc-lab';
/** Two fresh PostgreSQL clusters and a broker take about 150 MB. */
export const LAB_BYTES = 500 * 2 ** 20;

/** PostgreSQL's limit for its data folder is 1023 bytes, and names of files below it are added to the folder's. */
const LONGEST_PATH_BYTES = 800;

/**
 * Creates the state folder unless it exists.
 *
 * @returns its path without symbolic links.
 * @throws LabError if it is not writable (CDC-5118) or holds something that is not the lab's (CDC-5120).
 * @throws UsageError for a path with which no server could work.
 */
export function claimStateDir(dir: string): string {
  const path = resolve(dir);
  refusePath(path);
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
    // PostgreSQL may run as another user, who must be able to reach its data, but not to list the folder.
    chmodSync(path, 0o711);
  }
  return realpathSync(path);
}

function refusePath(path: string): void {
  const remedy = 'Choose another folder with --dir.';
  if (/\p{Cc}/u.test(path)) {
    throw new UsageError(`The folder ${JSON.stringify(path)} has a control character in its name.`, remedy);
  }
  const bytes = Buffer.byteLength(path);
  if (bytes <= LONGEST_PATH_BYTES) return;
  throw new UsageError(
    `The path of the lab's folder has ${bytes} bytes, and the servers take at most ${LONGEST_PATH_BYTES}.`,
    remedy,
  );
}

/** Free bytes on the disk of a folder, or of its nearest ancestor that exists. */
export function freeBytes(folder: string): number {
  let existing = resolve(folder);
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}

/**
 * @param neededBytes How much is to be written; default: what an empty lab needs.
 * @throws LabError CDC-5119 if the disk is too full for it.
 */
export function checkDisk(folder: string, neededBytes: number = LAB_BYTES): void {
  const free = freeBytes(folder);
  if (free >= neededBytes) return;
  throw new LabError('CDC-5119', `Only ${bytesText(free)} are free on the disk of ${folder}.`, {
    remedy: `Make room (${bytesText(neededBytes)} are needed), or choose another disk with --dir.`,
  });
}

/**
 * The path of a lab's folder; undefined if there is none. @throws LabError CDC-5120 for a folder that is not a
 * lab's.
 */
export function findStateDir(dir: string): string | undefined {
  const path = resolve(dir);
  if (!existsSync(path)) return undefined;
  if (!existsSync(join(path, MARKER))) {
    if (readdirSync(path).length === 0) return undefined;
    throw foreign(path);
  }
  return realpathSync(path);
}

/** The folder of the journals, in a lab's. */
export const RUNS = 'runs';

/** Removes what is in a lab's folder, except its marker and the given entries. */
export function emptyStateDir(stateDir: string, except: readonly string[]): void {
  const entries = readdirSync(stateDir).filter((name) => name !== MARKER && !except.includes(name));
  for (const entry of entries) rmSync(join(stateDir, entry), { recursive: true, force: true });
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

/** Not with mkdir's `recursive`, which never ends on a file system that refuses folders with ENOENT (/proc). */
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
  return new LabError('CDC-5120', `The folder ${path} holds something that is not the lab's.`, {
    remedy: 'Choose another with --dir: an empty one, or one that does not exist yet.',
  });
}
