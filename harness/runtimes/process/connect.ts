import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { PROJECT_DIR } from '../../project.ts';
import type { ServiceSpec } from './service-spec.ts';

const ENGINES = join(PROJECT_DIR, '.cache', 'engines');
const CHECKSUMS = join(PROJECT_DIR, 'harness/setup/engines-jars.sha256');
/** Made by `harness/setup/engines.sh` with -XX:ArchiveClassesAtExit: a third less work at each start. */
export const CONNECT_CLASS_ARCHIVE = join(PROJECT_DIR, '.cache', 'connect.jsa');

export interface ConnectOptions {
  /** Of the service. */
  readonly name: string;
  /** For its properties; all that it has to remember is in Kafka. */
  readonly dataDir: string;
  readonly log: string;
  /** Of the REST API, on 127.0.0.1. */
  readonly port: number;
  readonly bootstrapServers: readonly string[];
  /** Of the Connect cluster: its group, and the end of the names of its three topics. */
  readonly cluster: string;
  /** `small` starts quickly; `throughput` has a larger heap and the optimising compiler, for benchmarks. */
  readonly jvm?: 'small' | 'throughput';
  /** Over the worker's properties. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** Names of a Connect cluster's group and topics. */
export function connectNames(cluster: string): {
  readonly group: string;
  readonly topics: { readonly configs: string; readonly offsets: string; readonly status: string };
} {
  return {
    group: `connect-cluster-${cluster}`,
    topics: {
      configs: `connect-configs-${cluster}`,
      offsets: `connect-offsets-${cluster}`,
      status: `connect-status-${cluster}`,
    },
  };
}

/**
 * Kafka Connect in distributed mode, one worker, with Debezium's two connectors on an isolated `plugin.path`.
 * Passwords come in as `${env:PGPASSWORD}`.
 *
 * @throws LabError CDC-5140 where the jars are missing: see {@link enginesReady}.
 */
export function prepareConnect(options: ConnectOptions): ServiceSpec {
  const classPath = connectClassPath();
  mkdirSync(options.dataDir, { recursive: true });
  const properties = join(options.dataDir, 'connect.properties');
  const lines = Object.entries(workerProperties(options)).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(properties, `# Written by cdc-lab.\n${lines.join('')}`);
  return {
    name: options.name,
    kind: 'worker',
    command: 'java',
    args: [
      ...jvmFlags(options.jvm ?? 'small'),
      `-Dlog4j2.configurationFile=${join(PROJECT_DIR, 'harness/runtimes/process/connect-log4j2.xml')}`,
      '-cp',
      classPath,
      'org.apache.kafka.connect.cli.ConnectDistributed',
      properties,
    ],
    cwd: options.dataDir,
    env: { TZ: 'UTC' },
    wantsPassword: true,
    uid: null,
    port: options.port,
    log: options.log,
    probe: { tag: 'http', port: options.port, path: '/', anyStatus: false },
    readyTimeoutMs: 120_000,
    stopSignals: [{ signal: 'SIGTERM', waitMs: 20_000 }],
  };
}

/**
 * What a user runs who starts from Kafka's own `config/connect-distributed.properties`, offsets flushed every 10 s
 * included, with one partition for each internal topic, and as many copies of it as the brokers make by default.
 */
function workerProperties(options: ConnectOptions): Record<string, string> {
  const { group, topics } = connectNames(options.cluster);
  return {
    'bootstrap.servers': options.bootstrapServers.join(','),
    'group.id': group,
    'config.storage.topic': topics.configs,
    'config.storage.replication.factor': '-1',
    'offset.storage.topic': topics.offsets,
    'offset.storage.partitions': '1',
    'offset.storage.replication.factor': '-1',
    'status.storage.topic': topics.status,
    'status.storage.partitions': '1',
    'status.storage.replication.factor': '-1',
    'offset.flush.interval.ms': String(OFFSET_FLUSH_INTERVAL_MS),
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    listeners: `http://127.0.0.1:${options.port}`,
    'rest.advertised.host.name': '127.0.0.1',
    'plugin.path': join(ENGINES, 'plugins'),
    // Both plug-ins declare themselves (KIP-898): no need to scan every class of them.
    'plugin.discovery': 'service_load',
    'config.providers': 'env',
    'config.providers.env.class': 'org.apache.kafka.common.config.provider.EnvVarConfigProvider',
    // The environment holds more than the one secret that a connector is meant to see.
    'config.providers.env.param.allowlist.pattern': '^PGPASSWORD$',
    ...options.properties,
  };
}

/** As Kafka ships it; the default of a worker that says nothing is 60 s. */
export const OFFSET_FLUSH_INTERVAL_MS = 10_000;

/** What starts quickly, and is not in the way of everything else on the machine. */
export const SMALL_JVM = ['-Xmx384m', '-Xms64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
export const ENDS_WITHOUT_MEMORY = '-XX:+ExitOnOutOfMemoryError';

function jvmFlags(jvm: 'small' | 'throughput'): string[] {
  const archive = existsSync(CONNECT_CLASS_ARCHIVE)
    ? [`-XX:SharedArchiveFile=${CONNECT_CLASS_ARCHIVE}`, '-Xshare:auto']
    : [];
  const always = [ENDS_WITHOUT_MEMORY, ...archive];
  if (jvm === 'throughput') return ['-Xmx1g', '-Xms512m', '-XX:+UseG1GC', ...always];
  return [...SMALL_JVM, ...always];
}

/** Whether the jars are there, verified against today's checksums. */
export function enginesReady(): boolean {
  try {
    const verified = readFileSync(join(ENGINES, 'verified'), 'utf8');
    return verified === createHash('sha256').update(readFileSync(CHECKSUMS)).digest('hex');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** In a fixed order: an archive of classes is valid for exactly one class path. */
export function connectClassPath(): string {
  if (!enginesReady()) {
    throw new LabError('CDC-5140', `The jars of Kafka Connect and Debezium are not in ${ENGINES}.`, {
      remedy: 'Run `make setup ENGINES=all`.',
    });
  }
  const folder = join(ENGINES, 'connect');
  return readdirSync(folder)
    .sort()
    .map((jar) => join(folder, jar))
    .join(':');
}
