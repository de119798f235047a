/**
 * `pipeline/sink/config`: the sink connector's configuration, checked and parsed once, at the edge.
 * In: the string map of Kafka Connect's REST API, with the keys of Debezium's JDBC sink and of Connect.
 * Out: every problem with it, by key; or one typed value that all other folders of the sink read.
 * Promises: no key is ignored: each changes the parsed value or is refused by name, with the nearest known key.
 */

import type { ConfigProblem, ConnectorConfig } from '../../contract/connector.ts';
import { nearest } from '../../contract/nearest.ts';
import { type Connection, connectionProblems, parseConnection } from './connection.ts';
import { readJdbcUrl } from './connection-url.ts';
import { KEYS, UNSUPPORTED_KEYS } from './sink-keys.ts';

/** The sink's configuration, parsed. */
export interface SinkConfig {
  readonly topics: readonly string[];
  readonly topicsRegex: RegExp | null;
  readonly connection: Connection;
  /** `key.converter.schemas.enable` and `value.converter.schemas.enable`: records carry a schema block. */
  readonly schemas: { readonly key: boolean; readonly value: boolean };
  readonly poolSize: number;
  readonly insertMode: 'upsert' | 'insert';
  readonly deleteEnabled: boolean;
  readonly truncateEnabled: boolean;
  readonly primaryKeyMode: 'none' | 'record_key' | 'record_value';
  readonly primaryKeyFields: readonly string[];
  readonly evolve: boolean;
  readonly tableFormat: string;
  readonly includeFields: readonly string[];
  readonly excludeFields: readonly string[];
  readonly batchSize: number;
  /** `use.reduction.buffer`: the changes of a batch to one row are written as one. */
  readonly reduce: boolean;
  /** -1: without limit. */
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly logErrors: boolean;
  readonly logErrorMessages: boolean;
  readonly deadLetterTopic: string | null;
  readonly deadLetterReplicationFactor: number;
  readonly deadLetterContextHeaders: boolean;
  readonly placeholder: string;
  /** How the source connector writes a `bytea`; needed where it is a string, and the sink's column is a `bytea`. */
  readonly binary: 'bytes' | 'base64' | 'base64-url-safe' | 'hex';
  readonly consumer: {
    readonly sessionTimeoutMs: number;
    readonly heartbeatIntervalMs: number;
    readonly rebalanceTimeoutMs: number;
    readonly maxBytes: number;
    readonly maxBytesPerPartition: number;
    readonly maxWaitMs: number;
    readonly metadataMaxAgeMs: number;
  };
  readonly dedup: 'lsn' | 'table' | 'none';
  readonly statementTimeoutMs: number;
  /** How long tombstones and dedup entries are kept, at least; -1: for ever. */
  readonly retentionMs: number;
}

function unknownKey(key: string): ConfigProblem {
  if (UNSUPPORTED_KEYS.includes(key) || /^(transforms|predicates)\./.test(key)) {
    return { key, message: `${key} is a known key that this sink does not support` };
  }
  const near = nearest(key, Object.keys(KEYS));
  return {
    key,
    message: `${key} is not a key of this sink${near === undefined ? '' : `; did you mean ${near}?`}`,
    ...(near === undefined ? {} : { nearest: near }),
  };
}

/** True for a reference such as `${env:PGPASSWORD}`, which the worker resolves, and checks, at the start. */
function isReference(value: string): boolean {
  return /^\$\{\w+:[^}]*\}$/.test(value);
}

function crossChecks(config: ConnectorConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const get = (key: string): string => config[key] ?? KEYS[key]?.default ?? '';
  const wrong = (key: string, message: string): void => {
    problems.push({ key, message: `${key} ${message}` });
  };
  if ((config.topics === undefined) === (config['topics.regex'] === undefined)) {
    wrong('topics', 'or topics.regex must be given, but not both');
  }
  const url = config['connection.url'];
  if (url === undefined) wrong('connection.url', 'is missing');
  else if (!isReference(url)) problems.push(...connectionProblems(config));
  const namesUser = url !== undefined && (isReference(url) || readJdbcUrl(url).url.parameters.has('user'));
  if (config['connection.username'] === undefined && !namesUser) wrong('connection.username', 'is missing');
  const keyMode = get('primary.key.mode');
  if (get('insert.mode') === 'upsert' && keyMode === 'none') {
    wrong('primary.key.mode', 'must be record_key or record_value if insert.mode is upsert');
  }
  if (keyMode === 'record_value' && get('primary.key.fields') === '') {
    wrong('primary.key.fields', 'must name the key columns if primary.key.mode is record_value');
  }
  if (keyMode === 'none' && get('primary.key.fields') !== '') {
    wrong('primary.key.fields', 'is used only if primary.key.mode is record_key or record_value');
  }
  if (get('delete.enabled') === 'true' && keyMode !== 'record_key') {
    wrong('delete.enabled', 'needs primary.key.mode record_key');
  }
  if (get('insert.mode') === 'insert' && config['dedup.mode'] === 'lsn') {
    wrong('dedup.mode', 'must be table or none if insert.mode is insert: lsn guards upserts');
  }
  if (get('errors.tolerance') === 'all' && get('errors.deadletterqueue.topic.name') === '') {
    wrong(
      'errors.deadletterqueue.topic.name',
      'must be set if errors.tolerance is all: no record is dropped silently',
    );
  }
  if (get('errors.tolerance') === 'none' && get('errors.deadletterqueue.topic.name') !== '') {
    wrong('errors.deadletterqueue.topic.name', 'is used only if errors.tolerance is all');
  }
  if (get('field.include.list') !== '' && get('field.exclude.list') !== '') {
    wrong('field.exclude.list', 'cannot be combined with field.include.list');
  }
  if (config['collection.name.format'] !== undefined && config['table.name.format'] !== undefined) {
    wrong('table.name.format', 'cannot be combined with collection.name.format, its newer name');
  }
  if (get('insert.mode') === 'insert' && config['use.reduction.buffer'] === 'true') {
    wrong(
      'use.reduction.buffer',
      'cannot be true if insert.mode is insert, which writes a row for every event',
    );
  }
  return problems;
}

/** Everything wrong with a configuration; empty when the sink may start with it. */
export function validateSinkConfig(config: ConnectorConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [key, value] of Object.entries(config)) {
    const known = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (known === undefined) {
      problems.push(unknownKey(key));
      continue;
    }
    const message = isReference(value) ? null : known.check(value);
    if (message !== null) problems.push({ key, message: `${key} ${message}` });
  }
  return [...problems, ...crossChecks(config)];
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function binaryMode(value: string): SinkConfig['binary'] {
  return value === 'hex' || value === 'base64' || value === 'base64-url-safe' ? value : 'bytes';
}

/** Reads a valid configuration; see {@link validateSinkConfig}. */
export function parseSinkConfig(config: ConnectorConfig): SinkConfig {
  const get = (key: string): string => config[key] ?? KEYS[key]?.default ?? '';
  const insertMode = get('insert.mode') === 'insert' ? 'insert' : 'upsert';
  const dedup = config['dedup.mode'] ?? (insertMode === 'insert' ? 'none' : 'lsn');
  const keyMode = get('primary.key.mode');
  const regex = config['topics.regex'];
  return {
    topics: list(get('topics')),
    topicsRegex: regex === undefined ? null : new RegExp(`^(?:${regex})$`),
    connection: parseConnection(config),
    schemas: {
      key: get('key.converter.schemas.enable') === 'true',
      value: get('value.converter.schemas.enable') === 'true',
    },
    poolSize: Number(get('connection.pool.max_size')),
    insertMode,
    deleteEnabled: get('delete.enabled') === 'true',
    truncateEnabled: get('truncate.enabled') === 'true',
    primaryKeyMode: keyMode === 'none' || keyMode === 'record_value' ? keyMode : 'record_key',
    primaryKeyFields: list(get('primary.key.fields')),
    evolve: get('schema.evolution') === 'basic',
    tableFormat: config['collection.name.format'] ?? get('table.name.format'),
    includeFields: list(get('field.include.list')),
    excludeFields: list(get('field.exclude.list')),
    batchSize: Number(get('batch.size')),
    reduce: insertMode === 'upsert' && get('use.reduction.buffer') === 'true',
    maxRetries: Number(get('flush.max.retries')),
    retryDelayMs: Number(get('flush.retry.delay.ms')),
    logErrors: get('errors.log.enable') === 'true',
    logErrorMessages: get('errors.log.include.messages') === 'true',
    deadLetterTopic: get('errors.tolerance') === 'all' ? get('errors.deadletterqueue.topic.name') : null,
    deadLetterReplicationFactor: Number(get('errors.deadletterqueue.topic.replication.factor')),
    deadLetterContextHeaders: get('errors.deadletterqueue.context.headers.enable') === 'true',
    placeholder: get('unavailable.value.placeholder'),
    binary: binaryMode(get('binary.handling.mode')),
    consumer: {
      sessionTimeoutMs: Number(get('consumer.override.session.timeout.ms')),
      heartbeatIntervalMs: Number(get('consumer.override.heartbeat.interval.ms')),
      rebalanceTimeoutMs: Number(get('consumer.override.max.poll.interval.ms')),
      maxBytes: Number(get('consumer.override.fetch.max.bytes')),
      maxBytesPerPartition: Number(get('consumer.override.max.partition.fetch.bytes')),
      maxWaitMs: Number(get('consumer.override.fetch.max.wait.ms')),
      metadataMaxAgeMs: Number(get('consumer.override.metadata.max.age.ms')),
    },
    dedup: dedup === 'table' || dedup === 'none' ? dedup : 'lsn',
    statementTimeoutMs: Number(get('statement.timeout.ms')),
    retentionMs: Number(get('bookkeeping.retention.ms')),
  };
}
