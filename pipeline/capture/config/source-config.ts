import { randomUUID } from 'node:crypto';
import type { ConfigProblem, ConnectorConfig } from '../../contract/connector.ts';
import type { EncoderConfig } from '../../contract/envelope.ts';
import { messageOf } from '../../contract/errors.ts';
import { nearest } from '../../contract/nearest.ts';
import { type TlsFiles, tlsContradiction } from '../../contract/postgres-tls.ts';
import { unreachable } from '../../contract/unreachable.ts';
import { CONFIG_KEYS, type KeyDefinition, UNSUPPORTED_PATTERNS } from './source-keys.ts';
import { readTlsFiles } from './source-tls.ts';
import { compile, type FilterLists, splitList } from './table-filter.ts';

export type SnapshotMode = 'initial' | 'initial_only' | 'no_data' | 'always' | 'when_needed';
export type Compression = 'none' | 'lz4' | 'gzip' | 'snappy' | 'zstd';

/** The configuration of a source connector, checked and typed. */
export interface SourceConfig {
  readonly name: string;
  readonly database: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string | undefined;
    readonly name: string;
    readonly tls: TlsFiles & { readonly mode: string };
    readonly tcpKeepAlive: boolean;
    readonly connectTimeoutMs: number;
    readonly queryTimeoutMs: number;
  };
  readonly topicPrefix: string;
  readonly slot: { readonly name: string; readonly dropOnStop: boolean; readonly failover: boolean };
  readonly slotMaxRetries: number;
  readonly slotRetryDelayMs: number;
  readonly publication: {
    readonly name: string;
    readonly autocreate: 'all_tables' | 'disabled' | 'filtered';
    /** What a publication that is created publishes; undefined: everything, PostgreSQL's default. */
    readonly operations: readonly string[] | undefined;
  };
  readonly tables: FilterLists;
  readonly snapshot: {
    readonly mode: SnapshotMode;
    readonly fetchSize: number;
    readonly incrementalChunkSize: number;
    /** `snapshot.include.collection.list`; undefined: all captured tables. */
    readonly include: readonly RegExp[] | undefined;
  };
  /** `schema.table` of Debezium's signalling table. */
  readonly signalTable: string | undefined;
  /** Letters of the operations that are not published. */
  readonly skippedOperations: ReadonlySet<string>;
  readonly encoder: Omit<EncoderConfig, 'nowUs'>;
  /** `provide.transaction.metadata`. */
  readonly transactionMetadata: boolean;
  readonly batchRecords: number;
  readonly queueRecords: number;
  readonly queueBytes: number;
  readonly statusIntervalMs: number;
  readonly heartbeat: { readonly intervalMs: number; readonly topic: string };
  readonly retries: {
    /** -1: without end. */
    readonly max: number;
    readonly initialMs: number;
    readonly maxMs: number;
  };
  readonly producer: { readonly compression: Compression; readonly requestTimeoutMs: number };
  readonly topics: {
    readonly partitions: number;
    readonly replicationFactor: number;
    readonly configs: Readonly<Record<string, string>>;
  };
}

/** Where `max.queue.size.in.bytes` is 0: memory is bounded all the same. */
const DEFAULT_QUEUE_BYTES = 32 * 1024 * 1024;
const TOPIC_CONFIG_PREFIX = 'topic.creation.default.';
const OPERATIONS = new Set(['c', 'u', 'd', 't', 'r', 'none']);
/** What a publication calls the operations. */
export const PUBLISHED_AS = { c: 'insert', u: 'update', d: 'delete', t: 'truncate' } as const;

/** Everything that is wrong with a configuration. */
export function validateConfig(config: ConnectorConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [key, value] of Object.entries(config)) {
    const definition = CONFIG_KEYS[key];
    if (definition === undefined && UNSUPPORTED_PATTERNS.some((pattern) => pattern.test(key))) {
      problems.push({ key, message: `"${key}" is not supported by the TypeScript engine.` });
      continue;
    }
    if (definition === undefined) {
      const meant = nearest(key, Object.keys(CONFIG_KEYS));
      problems.push({
        key,
        message: `"${key}" is not known${meant ? `; did you mean "${meant}"?` : '.'}`,
        ...(meant ? { nearest: meant } : {}),
      });
      continue;
    }
    const message = problemWith(key, value, definition);
    if (message !== undefined) problems.push({ key, message });
  }
  for (const [key, definition] of Object.entries(CONFIG_KEYS)) {
    if (definition.kind === 'text' && definition.required && !config[key]) {
      problems.push({ key, message: `"${key}" is required.` });
    }
  }
  return [...problems, ...contradictions(config)];
}

function problemWith(key: string, value: string, definition: KeyDefinition): string | undefined {
  switch (definition.kind) {
    case 'text':
      return definition.pattern && value !== '' && !definition.pattern.test(value)
        ? `"${key}" must match ${definition.pattern.source}.`
        : undefined;
    case 'integer':
      return /^-?\d{1,15}$/.test(value) && Number(value) >= definition.min
        ? undefined
        : `"${key}" must be a whole number, at least ${definition.min}.`;
    case 'boolean':
      return value === 'true' || value === 'false' ? undefined : `"${key}" must be true or false.`;
    case 'choice':
      return definition.values.includes(value) ? undefined : choiceProblem(key, value, definition.values);
    case 'expressions':
      return expressionProblem(key, value);
    case 'fixed':
      return definition.values.includes(value)
        ? undefined
        : `"${key}" is not supported by the TypeScript engine, other than as ${definition.values
            .map((v) => (v === '' ? 'empty' : `"${v}"`))
            .join(' or ')}.`;
    default:
      return unreachable(definition, 'definition of a key');
  }
}

function choiceProblem(key: string, value: string, values: readonly string[]): string {
  const meant = nearest(value, values);
  return `"${key}" does not support "${value}"; it takes ${values.join(', ')}${
    meant ? ` (perhaps ${meant}?)` : ''
  }.`;
}

function expressionProblem(key: string, value: string): string | undefined {
  for (const entry of splitList(value)) {
    try {
      new RegExp(`^(?:${entry})$`, 'i');
    } catch (error) {
      return `"${key}" holds "${entry}", which is no regular expression: ${(error as Error).message}.`;
    }
  }
  return undefined;
}

/** Rules over more than one key. */
function contradictions(config: ConnectorConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (key: string, message: string) => problems.push({ key, message });
  const keys = textOf(config, 'key.converter.schemas.enable');
  const values = textOf(config, 'value.converter.schemas.enable');
  if (keys !== values) {
    refuse(
      'key.converter.schemas.enable',
      '"key.converter.schemas.enable" and "value.converter.schemas.enable" must be equal in the TypeScript engine.',
    );
  }
  for (const kind of ['schema', 'table']) {
    if (config[`${kind}.include.list`] && config[`${kind}.exclude.list`]) {
      refuse(`${kind}.exclude.list`, `"${kind}.include.list" and "${kind}.exclude.list" exclude each other.`);
    }
  }
  const tls = tlsProblem(config);
  if (tls !== null) refuse('database.sslmode', `${tls}.`);
  if (numberOf(config, 'max.queue.size') < numberOf(config, 'max.batch.size')) {
    refuse('max.queue.size', '"max.queue.size" must not be less than "max.batch.size".');
  }
  if (config['topic.creation.default.replication.factor'] === '0') {
    refuse('topic.creation.default.replication.factor', 'A replication factor is -1 or at least 1.');
  }
  for (const letter of splitList(textOf(config, 'skipped.operations') ?? '')) {
    if (!OPERATIONS.has(letter)) {
      refuse('skipped.operations', `"skipped.operations" takes c, u, d, t, r or none, not "${letter}".`);
    }
  }
  const signal = config['signal.data.collection'];
  if (signal && !/^[^.]+\.[^.]+(\.[^.]+)?$/.test(signal)) {
    refuse('signal.data.collection', '"signal.data.collection" names a table as schema.table.');
  }
  return problems;
}

/** A configuration without problems, typed. Call {@link validateConfig} before. */
export function parseConfig(config: ConnectorConfig): SourceConfig {
  const text = (key: string) => textOf(config, key) || undefined;
  const always = (key: string) => textOf(config, key) ?? '';
  const number = (key: string) => numberOf(config, key);
  const flag = (key: string) => textOf(config, key) === 'true';
  const prefix = always('topic.prefix');
  const mode = always('snapshot.mode');
  const skippedOperations = new Set(
    splitList(always('skipped.operations')).filter((letter) => letter !== 'none'),
  );
  return {
    name: config.name ?? prefix,
    database: databaseOf(config),
    topicPrefix: prefix,
    slot: {
      name: always('slot.name'),
      dropOnStop: flag('slot.drop.on.stop'),
      failover: flag('slot.failover'),
    },
    slotMaxRetries: number('slot.max.retries'),
    slotRetryDelayMs: number('slot.retry.delay.ms'),
    publication: {
      name: always('publication.name'),
      autocreate: always('publication.autocreate.mode') as SourceConfig['publication']['autocreate'],
      operations: publishedOperations(config, skippedOperations),
    },
    tables: {
      schemaInclude: text('schema.include.list'),
      schemaExclude: text('schema.exclude.list'),
      tableInclude: text('table.include.list'),
      tableExclude: text('table.exclude.list'),
    },
    snapshot: {
      mode: (mode === 'never' ? 'no_data' : mode) as SnapshotMode,
      fetchSize: number('snapshot.fetch.size'),
      // Where it is not set, an incremental snapshot reads chunks of the same size as any other.
      incrementalChunkSize: number(
        config['incremental.snapshot.chunk.size'] ? 'incremental.snapshot.chunk.size' : 'snapshot.fetch.size',
      ),
      include: compile(text('snapshot.include.collection.list')),
    },
    signalTable: text('signal.data.collection')?.split('.').slice(-2).join('.'),
    skippedOperations,
    encoder: encoderOf(config, prefix),
    transactionMetadata: flag('provide.transaction.metadata'),
    batchRecords: number('max.batch.size'),
    queueRecords: number('max.queue.size'),
    queueBytes: number('max.queue.size.in.bytes') || DEFAULT_QUEUE_BYTES,
    statusIntervalMs: number('status.update.interval.ms'),
    heartbeat: {
      intervalMs: number('heartbeat.interval.ms'),
      topic: text('topic.heartbeat.name') ?? `${always('topic.heartbeat.prefix')}.${prefix}`,
    },
    retries: {
      max: number('errors.max.retries'),
      initialMs: number('errors.retry.delay.initial.ms'),
      maxMs: Math.min(
        number('errors.retry.delay.max.ms'),
        number('retriable.restart.connector.wait.ms') || 1,
      ),
    },
    producer: {
      compression: always('producer.override.compression.type') as Compression,
      requestTimeoutMs: number('producer.override.request.timeout.ms'),
    },
    topics: topicsOf(config),
  };
}

/**
 * Operations that are skipped by name are not even published; the default alone narrows nothing. Source: Debezium 3.6,
 * `PostgresReplicationConnection.buildPublishOptionValue`, which also leaves out the inserts that carry signals.
 */
function publishedOperations(
  config: ConnectorConfig,
  skipped: ReadonlySet<string>,
): readonly string[] | undefined {
  if (config['skipped.operations'] === undefined || skipped.size === 0) return undefined;
  const signals = Boolean(config['signal.data.collection']);
  return Object.entries(PUBLISHED_AS)
    .filter(([letter]) => !skipped.has(letter) || (letter === 'c' && signals))
    .map(([, operation]) => operation);
}

function databaseOf(config: ConnectorConfig): SourceConfig['database'] {
  const text = (key: string) => textOf(config, key) || undefined;
  return {
    host: textOf(config, 'database.hostname') ?? '',
    port: numberOf(config, 'database.port'),
    user: textOf(config, 'database.user') ?? '',
    password: text('database.password'),
    name: textOf(config, 'database.dbname') ?? '',
    tls: {
      mode: textOf(config, 'database.sslmode') ?? 'prefer',
      ...tlsFilesOf(config),
    },
    tcpKeepAlive: textOf(config, 'database.tcpKeepAlive') === 'true',
    connectTimeoutMs: numberOf(config, 'connection.validation.timeout.ms'),
    queryTimeoutMs: numberOf(config, 'database.query.timeout.ms'),
  };
}

function tlsFilesOf(config: ConnectorConfig): TlsFiles {
  const path = (key: string): string | null => textOf(config, key) || null;
  return {
    sslrootcert: path('database.sslrootcert'),
    sslcert: path('database.sslcert'),
    sslkey: path('database.sslkey'),
  };
}

function tlsProblem(config: ConnectorConfig): string | null {
  const files = tlsFilesOf(config);
  const contradiction = tlsContradiction(textOf(config, 'database.sslmode') ?? null, files, 'database.');
  if (contradiction !== null) return contradiction;
  try {
    readTlsFiles(files);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

function encoderOf(config: ConnectorConfig, topicPrefix: string): SourceConfig['encoder'] {
  const text = (key: string) => textOf(config, key) ?? '';
  return {
    topicPrefix,
    database: text('database.dbname'),
    schemasEnable: text('value.converter.schemas.enable') === 'true',
    tombstonesOnDelete: text('tombstones.on.delete') === 'true',
    unavailableValue: text('unavailable.value.placeholder'),
    decimals: text('decimal.handling.mode') as EncoderConfig['decimals'],
    time: text('time.precision.mode') as EncoderConfig['time'],
    binary: text('binary.handling.mode') as EncoderConfig['binary'],
    interval: text('interval.handling.mode') as EncoderConfig['interval'],
    hstore: text('hstore.handling.mode') as 'json' | 'map',
    ...(text('extended.headers.enabled') === 'true'
      ? { contextHeaders: { taskId: '0', runId: randomUUID() } }
      : {}),
  };
}

function topicsOf(config: ConnectorConfig): SourceConfig['topics'] {
  const configs: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    const name = key.startsWith(TOPIC_CONFIG_PREFIX) ? key.slice(TOPIC_CONFIG_PREFIX.length) : '';
    if (name !== '' && name !== 'partitions' && name !== 'replication.factor') configs[name] = value;
  }
  return {
    partitions: numberOf(config, 'topic.creation.default.partitions'),
    replicationFactor: numberOf(config, 'topic.creation.default.replication.factor'),
    configs,
  };
}

function textOf(config: ConnectorConfig, key: string): string | undefined {
  const definition = CONFIG_KEYS[key];
  const value = config[key];
  if (value !== undefined) return value;
  return definition && 'default' in definition ? String(definition.default) : undefined;
}

function numberOf(config: ConnectorConfig, key: string): number {
  return Number(textOf(config, key));
}
