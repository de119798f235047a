import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_DIR } from '../../harness/project.ts';

/** The peers, each in its own virtual environment, because they need different versions of a library. */
const PEERS = {
  reladiff: ['reladiff==0.6.0', 'psycopg2-binary==2.9.13'],
  'data-diff': ['data-diff==0.7.10', 'psycopg2-binary==2.9.13', 'setuptools==65.5.0'],
} as const;
export type PeerName = keyof typeof PEERS;

/** Path of the peer's command. The first call installs it with pip in `.cache`. */
export async function peer(name: PeerName, progress: (line: string) => void): Promise<string> {
  const dir = join(PROJECT_DIR, '.cache', 'bench-peers', name);
  const [command, done] = [join(dir, 'bin', name), join(dir, `installed-${PEERS[name].join('-')}`)];
  if (existsSync(done)) return command;
  progress(`installing ${PEERS[name].join(', ')} …`);
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  await execa('python3', ['-m', 'venv', dir]).catch((cause: unknown) => {
    throw new Error('The peers need Python 3 with venv. Debian: apt-get install python3-venv', { cause });
  });
  await execa(join(dir, 'bin', 'pip'), ['install', '--quiet', '--only-binary', ':all:', ...PEERS[name]]);
  await writeFile(done, '');
  return command;
}
