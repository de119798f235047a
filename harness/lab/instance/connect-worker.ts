/**
 * How a Connect worker of the lab is configured, wherever it runs: the process runtime writes the properties to a
 * file, the Docker runtime to the image's variables, and `docker-compose.yml` repeats them for the standing
 * pipeline.
 */
export interface ConnectWorker {
  readonly bootstrapServers: readonly string[];
  /** Name of the Connect cluster; part of the names of its group and its three topics. */
  readonly cluster: string;
  /** These override the worker's properties. */
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

/** As in the file that Kafka ships; without it a worker's default is 60 s. */
const OFFSET_FLUSH_INTERVAL_MS = 10_000;

/**
 * What a user gets who starts from Kafka's own `config/connect-distributed.properties`, including offsets flushed
 * every 10 s; with one partition for each internal topic, and the brokers' default replication. The runtime adds
 * where the worker listens and where its plug-ins are.
 */
export function workerProperties(worker: ConnectWorker): Record<string, string> {
  const { group, topics } = connectNames(worker.cluster);
  return {
    'bootstrap.servers': worker.bootstrapServers.join(','),
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
    // Both plug-ins declare themselves (KIP-898): so their classes need not be scanned.
    'plugin.discovery': 'service_load',
    'config.providers': 'env',
    'config.providers.env.class': 'org.apache.kafka.common.config.provider.EnvVarConfigProvider',
    // A connector must not see anything else that the environment holds.
    'config.providers.env.param.allowlist.pattern': '^PGPASSWORD$',
    ...worker.properties,
  };
}

/** Timers that a test or benchmark sets, as properties. */
export function tunedTimers(timers: {
  readonly offsetFlushMs?: number;
  readonly rebalanceDelayMs?: number;
}): Record<string, string> {
  const { offsetFlushMs, rebalanceDelayMs } = timers;
  return {
    ...(offsetFlushMs === undefined ? {} : { 'offset.flush.interval.ms': String(offsetFlushMs) }),
    ...(rebalanceDelayMs === undefined
      ? {}
      : { 'scheduled.rebalance.max.delay.ms': String(rebalanceDelayMs) }),
  };
}

/**
 * Properties for which the image has its own variables, which override `CONNECT_…`: docker-entrypoint.sh of
 * debezium/container-images, connect-base.
 */
const IMAGE_NAMES: Readonly<Record<string, string>> = {
  'bootstrap.servers': 'BOOTSTRAP_SERVERS',
  'group.id': 'GROUP_ID',
  'config.storage.topic': 'CONFIG_STORAGE_TOPIC',
  'offset.storage.topic': 'OFFSET_STORAGE_TOPIC',
  'status.storage.topic': 'STATUS_STORAGE_TOPIC',
  'key.converter': 'KEY_CONVERTER',
  'value.converter': 'VALUE_CONVERTER',
  'offset.flush.interval.ms': 'OFFSET_FLUSH_INTERVAL_MS',
  'offset.flush.timeout.ms': 'OFFSET_FLUSH_TIMEOUT_MS',
  'task.shutdown.graceful.timeout.ms': 'SHUTDOWN_TIMEOUT',
};

/**
 * A worker's properties as variables of Debezium's Connect image, whose entrypoint turns them back into properties.
 */
export function imageVariables(properties: Readonly<Record<string, string>>): Record<string, string> {
  const named = Object.entries(properties).map(([key, value]) => [imageVariable(key), value]);
  return Object.fromEntries(named);
}

function imageVariable(key: string): string {
  return IMAGE_NAMES[key] ?? `CONNECT_${key.toUpperCase().replaceAll('.', '_')}`;
}

/** `small` starts quickly; `throughput` has a larger heap and the optimising compiler, for benchmarks. */
export type ConnectJvm = 'small' | 'throughput';

const JVM: Readonly<Record<ConnectJvm, readonly string[]>> = {
  // Leaves memory and processors to everything else on the machine.
  small: ['-Xmx384m', '-Xms64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
  throughput: ['-Xmx1g', '-Xms512m', '-XX:+UseG1GC'],
};

export function connectJvm(jvm: ConnectJvm = 'small'): string[] {
  return [...JVM[jvm], '-XX:+ExitOnOutOfMemoryError'];
}

/** A worker of Kafka Connect as a service of the lab. */
export interface ConnectOptions extends ConnectWorker {
  /** Name of the service. */
  readonly name: string;
  /** Holds its properties file; its state is in Kafka. */
  readonly dataDir: string;
  readonly log: string;
  /** Of the REST API, on 127.0.0.1. */
  readonly port: number;
  readonly jvm?: ConnectJvm;
}
