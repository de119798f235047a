import { chownSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { type CopyOptions, type Proof, proof } from '../runtime.ts';
import { freePorts } from '../services/ports.ts';
import type { ServiceSpec } from '../services/service-spec.ts';
import { preparePostgres } from './postgres-service.ts';

/** What the copies of a server's data need of the lab. */
export interface DataPlace {
  readonly stateDir: string;
  readonly password: string;
  /** How the service was started. */
  readonly spec: ServiceSpec;
}

/** Files that belong to the running server, not to its data. */
const OF_THE_SERVER = ['postmaster.pid', 'postmaster.opts'];

/** The server on a copy: a service of the same pipeline, `pg-source.standby@NAME`. Its folder has the same name. */
export function copyName(service: string, label: string): string {
  const at = service.indexOf('@');
  if (at < 0) {
    throw new LabError('CDC-5156', `${service} is shared by all pipelines, and its data is not touched.`, {
      remedy: 'Only the data of a server that one pipeline has for itself is copied or replaced.',
    });
  }
  return `${service.slice(0, at)}.${label}${service.slice(at)}`;
}

/**
 * Copies the data as it is on disk, with owner and rights. Under a running server the copy is whole only between
 * `pg_backup_start` and `pg_backup_stop`: files may change or go meanwhile, which the WAL makes good.
 */
export async function copyData(place: DataPlace, label: string): Promise<Proof> {
  const { name, cwd } = place.spec;
  const copy = folderOf(place, label);
  rmSync(copy, { recursive: true, force: true });
  const { exitCode, stderr } = await execa('cp', ['-a', '--', cwd, copy], {
    reject: false,
    env: { LC_ALL: 'C' },
  });
  const unexpected = stderr.split('\n').filter((line) => line !== '' && !/No such file|changed/.test(line));
  if (exitCode !== 0 && unexpected.length > 0) throw notCopied(name, unexpected[0] ?? '');
  for (const file of OF_THE_SERVER) rmSync(join(copy, file), { force: true });
  return proof('copied', name, { from: cwd, to: copy });
}

/** How to start a server on a copy; on a new, empty cluster if there is none. */
export async function prepareCopy(
  place: DataPlace,
  label: string,
  { settings = [], files = {} }: CopyOptions,
): Promise<ServiceSpec> {
  const name = copyName(place.spec.name, label);
  const [port = 0] = await freePorts(1);
  const spec = await preparePostgres({
    ...{ name, stateDir: place.stateDir, password: place.password, port },
    dataDir: folderOf(place, label),
    log: join(place.stateDir, 'logs', `${name}.log`),
    settings,
  });
  // The server opens them for writing, and may run as another user than the lab.
  const { uid, gid } = statSync(join(spec.cwd, 'PG_VERSION'));
  for (const [file, content] of Object.entries(files)) {
    writeFileSync(join(spec.cwd, file), content, { mode: 0o600 });
    chownSync(join(spec.cwd, file), uid, gid);
  }
  // A standby logs in to its primary.
  return { ...spec, wantsPassword: true };
}

/** Puts a copy in the place of the data of a service that is down. What was there is kept beside it. */
export async function swapData(place: DataPlace, label: string): Promise<Proof> {
  const { name, cwd, port, log } = place.spec;
  const [copy, former] = [folderOf(place, label), folderOf(place, 'former')];
  if (!existsSync(copy)) throw notCopied(name, `there is no ${copy}`);
  rmSync(former, { recursive: true, force: true });
  renameSync(cwd, former);
  renameSync(copy, cwd);
  const own = { name, stateDir: place.stateDir, password: place.password, dataDir: cwd, log };
  // The copy may have had another port.
  await preparePostgres({ ...own, port: port ?? 0 });
  return proof('replaced', name, { by: label, former });
}

function folderOf({ stateDir, spec }: DataPlace, label: string): string {
  const data = join(stateDir, 'data');
  mkdirSync(data, { recursive: true });
  return join(data, copyName(spec.name, label));
}

function notCopied(name: string, why: string): LabError {
  return new LabError('CDC-5157', `The data of ${name} could not be copied: ${why}.`, {
    remedy: 'Check that the disk has room.',
  });
}
