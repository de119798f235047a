import { afterAll, beforeAll } from 'vitest';
import type { TemporaryLab } from '../../process/testing/temporary-lab.ts';
import type { Certificates } from './certificates.ts';
import { certificatesIn, foreignLab } from './secured-servers.ts';

/** A secured server and what it was made with. Only `dir` can be read before the first test. */
export interface Secured<S> {
  readonly dir: string;
  readonly certificates: Certificates;
  readonly server: S;
}

/** Starts a secured server before the first test of a file, and removes it after the last. */
export function securedForTests<S>(
  start: (lab: TemporaryLab, certificates: Certificates) => Promise<S>,
): Secured<S> {
  const lab = foreignLab();
  let made: Omit<Secured<S>, 'dir'> | undefined;
  beforeAll(async () => {
    const certificates = await certificatesIn(lab);
    made = { certificates, server: await start(lab, certificates) };
  }, 120_000);
  afterAll(() => lab[Symbol.asyncDispose]());
  const ready = (): Omit<Secured<S>, 'dir'> => {
    if (made === undefined) throw new Error('the secured server is started only before the first test');
    return made;
  };
  return {
    dir: lab.dir,
    get certificates() {
      return ready().certificates;
    },
    get server() {
      return ready().server;
    },
  };
}
