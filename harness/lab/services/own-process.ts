import { join } from 'node:path';
import { PROJECT_DIR } from '../../project.ts';
import type { ServiceSpec } from './service-spec.ts';

const JOINED_PACKAGES = join(PROJECT_DIR, 'harness/setup/joined-packages.cjs');

/** How to start a process of the lab's own code. @param main Path in the project. */
export function ownProcess(
  main: string,
  args: readonly string[],
): Pick<ServiceSpec, 'command' | 'args' | 'cwd' | 'env' | 'wantsPassword' | 'uid'> {
  return {
    command: process.execPath,
    args: [...['--require', JOINED_PACKAGES], join(PROJECT_DIR, main), ...args],
    cwd: PROJECT_DIR,
    env: { NODE_COMPILE_CACHE: join(PROJECT_DIR, '.cache', 'node'), TZ: 'UTC' },
    wantsPassword: true,
    uid: null,
  };
}
