/**
 * `pipeline/capture/config`: the configuration keys of Debezium's PostgreSQL connector.
 * In: a connector's configuration, as texts.
 * Out: a typed SourceConfig, or every problem of the configuration.
 * Promises: no key is accepted and not read: a key either changes the SourceConfig or is fixed to the values whose
 * behaviour the engine has, and any other value is refused by name.
 */

import { randomUUID } from 'node:crypto';
import type { ConnectorConfig } from '../../contract/connector.ts';
import type { EncoderConfig } from '../../contract/envelope.ts';
import type { TlsFiles } from '../../contract/postgres-tls.ts';
import { numberOf, textOf } from './source-keys.ts';
import { tlsFilesOf } from './source-tls.ts';
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
    /** Operations of a publication that the capture creates; undefined: all, PostgreSQL's default. */
    readonly operations: readonly string[] | undefined;
  };
  readonly tables: FilterLists;
  readonly snapshot: {
    readonly mode: SnapshotMode;
    readonly fetchSize: number;
    readonly incrementalChunkSize: number;
    /** `snapshot.max.rows.per.second`; 0: no bound. */
    readonly maxRowsPerSecond: number;
    /** `snapshot.sweep`: whether first snapshots sweep. A signal says so for its own. */
    readonly sweep: boolean;
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
    /** -1: no limit. */
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

/** Bounds the memory if `max.queue.size.in.bytes` is 0. */
const DEFAULT_QUEUE_BYTES = 8 * 1024 * 1024;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const TOPIC_CONFIG_PREFIX = 'topic.creation.default.';
/** Names that earlier versions of Debezium used for `snapshot.mode=no_data`. */
const OLD_NAMES_OF_NO_DATA = new Set(['never', 'schema_only']);
/** PostgreSQL's names of the operations. */
export const PUBLISHED_AS = { c: 'insert', u: 'update', d: 'delete', t: 'truncate' } as const;

/** The typed configuration. Call `validateConfig` first: it must have found no problem. */
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
      mode: (OLD_NAMES_OF_NO_DATA.has(mode) ? 'no_data' : mode) as SnapshotMode,
      fetchSize: number('snapshot.fetch.size'),
      // Without its key, an incremental snapshot reads chunks of the usual size.
      incrementalChunkSize: number(
        config['incremental.snapshot.chunk.size'] ? 'incremental.snapshot.chunk.size' : 'snapshot.fetch.size',
      ),
      maxRowsPerSecond: number('snapshot.max.rows.per.second'),
      sweep: flag('snapshot.sweep'),
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
 * A created publication leaves out operations that the configuration skips; the default of `skipped.operations` leaves
 * out none. Source: Debezium 3.6, `PostgresReplicationConnection.buildPublishOptionValue`, which would also leave out the
 * inserts that carry signals.
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
    // Debezium's default, 60 s, would delay the retry; it also covers checks that this engine does not make.
    connectTimeoutMs:
      config['connection.validation.timeout.ms'] === undefined
        ? DEFAULT_CONNECT_TIMEOUT_MS
        : numberOf(config, 'connection.validation.timeout.ms'),
    queryTimeoutMs: numberOf(config, 'database.query.timeout.ms'),
  };
}

function encoderOf(config: ConnectorConfig, topicPrefix: string): SourceConfig['encoder'] {
  const text = (key: string) => textOf(config, key) ?? '';
  return {
    topicPrefix,
    database: text('database.dbname'),
    schemasEnable: {
      key: text('key.converter.schemas.enable') === 'true',
      value: text('value.converter.schemas.enable') === 'true',
    },
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
