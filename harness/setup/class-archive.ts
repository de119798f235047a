/**
 * `harness/setup`: what `make setup` does: packages, jars, and archives that make processes start faster.
 * In: package-lock.json, pom.xml and the lists of checksums beside this file.
 * Out: node_modules and `.cache/`: jars, class archives, joined packages.
 * Promises: a jar with another checksum is never used; archives and joined packages only save time, and
 * everything works without them.
 */

import { existsSync, renameSync, rmSync } from 'node:fs';
import { execa } from 'execa';
import { startChild } from '../lab/process/child-service.ts';
import { PATHS_IN_UTF8 } from '../lab/process/kafka-service.ts';
import type { ServiceSpec } from '../lab/services/service-spec.ts';

/**
 * Runs a Java service once, uses it, and archives the classes that it has loaded by then.
 *
 * @param prepare Called after the old archive is removed. A service prepared before that would name the old archive,
 * and the
 *   JVM refuses to dump with an archive that is missing.
 * @param use Called when the service answers.
 * @throws where it does not answer, or the JVM rejects the archive that it wrote.
 */
export async function archiveOf(
  prepare: () => ServiceSpec | Promise<ServiceSpec>,
  archive: string,
  classPath: string,
  use: () => Promise<void>,
): Promise<void> {
  rmSync(archive, { force: true });
  const fresh = `${archive}.${process.pid}`;
  try {
    const service = await startChild(await prepare(), { flags: [`-XX:ArchiveClassesAtExit=${fresh}`] });
    try {
      await use();
    } finally {
      // The JVM writes the archive when it ends.
      await service[Symbol.asyncDispose]();
    }
    if (!(await fits(fresh, classPath))) throw new Error('the JVM rejects the archive that it wrote');
    renameSync(fresh, archive);
  } finally {
    rmSync(fresh, { force: true });
  }
}

/** Whether the archive exists and fits this class path. */
export async function fits(archive: string, classPath: string): Promise<boolean> {
  if (!existsSync(archive)) return false;
  const flags = ['-XX:+UseSerialGC', `-XX:SharedArchiveFile=${archive}`, '-Xshare:on'];
  const result = await execa('java', [...flags, '-cp', classPath, '-version'], {
    reject: false,
    env: PATHS_IN_UTF8,
  });
  return result.exitCode === 0;
}
