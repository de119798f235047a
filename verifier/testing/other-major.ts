import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';

/** `nobody`: PostgreSQL refuses to run as root. */
const UNPRIVILEGED = 65_534;
/** Where Debian's packages put their servers, one folder a major version; other places by the variable. */
const INSTALLED = process.env.CDC_LAB_TEST_POSTGRES_DIR ?? '/usr/lib/postgresql';

/** Folders of binaries by major version. */
export function installedMajors(): ReadonlyMap<number, string> {
  const found = existsSync(INSTALLED) ? readdirSync(INSTALLED) : [];
  return new Map(
    found
      .map((name) => [Number.parseInt(name, 10), path.join(INSTALLED, name, 'bin')] as const)
      .filter(
        ([major, bin]) =>
          major >= 13 && ['postgres', 'initdb'].every((one) => existsSync(path.join(bin, one))),
      ),
  );
}

export interface StartedServer extends AsyncDisposable {
  /** Superuser `postgres`, database `postgres`, trusted on 127.0.0.1. */
  readonly url: string;
}

/** Starts a server from these binaries in a folder of its own; both are gone afterwards. */
export async function startServer(bin: string, port: number): Promise<StartedServer> {
  const dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-other-major-'));
  const account = process.getuid?.() === 0 ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {};
  if ('uid' in account) chownSync(dir, UNPRIVILEGED, UNPRIVILEGED);
  chmodSync(dir, 0o700);
  const data = path.join(dir, 'data');
  const options = { cwd: dir, env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' }, ...account };
  const initdb = spawnSync(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...options, encoding: 'utf8' },
  );
  if (initdb.status !== 0) throw new Error(`initdb: ${initdb.stderr}${initdb.error?.message ?? ''}`);
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${dir}`,
    'wal_level=logical',
    'fsync=off',
    'max_replication_slots=20',
    'max_wal_senders=20',
  ];
  const server = spawn(
    path.join(bin, 'postgres'),
    ['-D', data, '-p', String(port), ...settings.flatMap((one) => ['-c', one])],
    { ...options, stdio: 'ignore' },
  );
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const stop = async (): Promise<void> => {
    await ended(server);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await untilAnswers(url, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, [Symbol.asyncDispose]: stop };
}

/** Immediate shutdown: nothing of it is kept. */
async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGQUIT');
  await exit;
}

async function untilAnswers(url: string, server: ChildProcess): Promise<void> {
  const deadline = performance.now() + 40_000;
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (server.exitCode !== null)
        throw new Error(`postgres ended with ${server.exitCode}`, { cause: error });
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
