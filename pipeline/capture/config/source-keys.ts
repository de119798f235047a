import type { ConnectorConfig } from '../../contract/connector.ts';

/**
 * The values that a configuration key takes. A `fixed` key is known to Debezium or Kafka Connect, but this engine has only
 * the behaviour of the listed values: any other value is refused, never ignored.
 */
export type KeyDefinition =
  | { readonly kind: 'text'; readonly default?: string; readonly required?: true; readonly form?: TextForm }
  | { readonly kind: 'integer'; readonly default: number; readonly min: number; readonly max?: number }
  | { readonly kind: 'boolean'; readonly default: boolean }
  | { readonly kind: 'choice'; readonly default: string; readonly values: readonly string[] }
  | { readonly kind: 'expressions' }
  | { readonly kind: 'fixed'; readonly values: readonly string[]; readonly why?: string };

interface TextForm {
  readonly pattern: RegExp;
  /** For people. */
  readonly takes: string;
}

const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';
export const CONNECTOR_CLASS = 'io.debezium.connector.postgresql.PostgresConnector';

const text = (fallback?: string): KeyDefinition =>
  fallback === undefined ? { kind: 'text' } : { kind: 'text', default: fallback };
const required = (form?: TextForm): KeyDefinition =>
  form ? { kind: 'text', required: true, form } : { kind: 'text', required: true };
const integer = (fallback: number, min = 0): KeyDefinition => ({ kind: 'integer', default: fallback, min });
const flag = (fallback: boolean): KeyDefinition => ({ kind: 'boolean', default: fallback });
const choice = (fallback: string, ...others: string[]): KeyDefinition => ({
  kind: 'choice',
  default: fallback,
  values: [fallback, ...others],
});
const fixed = (...values: string[]): KeyDefinition => ({ kind: 'fixed', values });
/** Takes one value only, for a reason that the refusal of others states. */
const only = (value: string, why: string): KeyDefinition => ({ kind: 'fixed', values: [value], why });
const expressions: KeyDefinition = { kind: 'expressions' };

/** PostgreSQL's own rule for the name of a replication slot. */
const SLOT_NAME: TextForm = {
  pattern: /^[a-z0-9_]{1,63}$/,
  takes: '1 to 63 lower-case letters, digits and underscores',
};
/** Kafka's rule for the name of a topic. */
const TOPIC_NAME: TextForm = {
  pattern: /^[A-Za-z0-9._-]{1,200}$/,
  takes: '1 to 200 letters (a to z), digits, dots, underscores and hyphens',
};

/**
 * Every known key. Meaning and defaults: Debezium's documentation of its PostgreSQL connector, 3.6.
 */
export const CONFIG_KEYS: Readonly<Record<string, KeyDefinition>> = {
  // Kafka Connect
  name: text(),
  'connector.class': fixed(CONNECTOR_CLASS),
  'tasks.max': integer(1, 1),
  'tasks.max.enforce': fixed('true'),
  'connector.plugin.version': fixed(''),
  'key.converter': fixed(JSON_CONVERTER),
  'value.converter': fixed(JSON_CONVERTER),
  'key.converter.schemas.enable': flag(true),
  'value.converter.schemas.enable': flag(true),
  'header.converter': fixed('org.apache.kafka.connect.storage.SimpleHeaderConverter'),
  'key.converter.plugin.version': fixed(''),
  'value.converter.plugin.version': fixed(''),
  'header.converter.plugin.version': fixed(''),
  transforms: fixed(''),
  predicates: fixed(''),
  'config.action.reload': fixed('restart', 'none'),
  'errors.tolerance': fixed('none'),
  'errors.retry.timeout': fixed('0'),
  'errors.log.enable': fixed('false'),
  'errors.log.include.messages': fixed('false'),
  'exactly.once.support': fixed('requested'),
  'transaction.boundary': fixed('poll'),
  'transaction.boundary.interval.ms': fixed(''),
  'offsets.storage.topic': fixed(''),
  'topic.creation.enable': fixed('true'),
  'topic.creation.groups': fixed(''),
  'topic.creation.default.partitions': integer(1, 1),
  'topic.creation.default.replication.factor': integer(-1, -1),
  'topic.creation.default.cleanup.policy': text(),
  'topic.creation.default.retention.ms': text(),
  'topic.creation.default.retention.bytes': text(),
  'topic.creation.default.segment.bytes': text(),
  'topic.creation.default.segment.ms': text(),
  'topic.creation.default.max.message.bytes': text(),
  'topic.creation.default.min.insync.replicas': text(),
  'topic.creation.default.compression.type': text(),
  'topic.creation.default.delete.retention.ms': text(),
  'producer.override.compression.type': choice('none', 'lz4', 'gzip', 'snappy', 'zstd'),
  'producer.override.acks': fixed('all', '-1'),
  'producer.override.enable.idempotence': fixed('true'),
  'producer.override.request.timeout.ms': integer(5_000, 100),
  // Connection
  'database.hostname': required(),
  'database.port': { kind: 'integer', default: 5432, min: 1, max: 65_535 },
  'database.user': required(),
  'database.password': text(),
  'database.dbname': required(),
  'database.sslmode': choice('prefer', 'disable', 'allow', 'require', 'verify-ca', 'verify-full'),
  'database.sslrootcert': text(),
  'database.sslcert': text(),
  'database.sslkey': text(),
  'database.sslpassword': fixed(''),
  'database.sslfactory': fixed(''),
  'database.tcpKeepAlive': flag(true),
  'database.initial.statements': fixed(''),
  'database.query.timeout.ms': integer(600_000),
  // Slot, publication, stream
  'plugin.name': fixed('pgoutput'),
  'slot.name': { kind: 'text', default: 'debezium', form: SLOT_NAME },
  'slot.drop.on.stop': flag(false),
  'slot.stream.params': fixed(''),
  'slot.failover': flag(false),
  'slot.max.retries': integer(6),
  'slot.retry.delay.ms': integer(10_000),
  'publication.name': text('dbz_publication'),
  'publication.autocreate.mode': choice('all_tables', 'disabled', 'filtered'),
  'replica.identity.autoset.values': fixed(''),
  'replica.autoset.type': fixed(''),
  'publish.via.partition.root': fixed('false'),
  'status.update.interval.ms': integer(10_000, 10),
  'xmin.fetch.interval.ms': fixed('0'),
  'lsn.flush.mode': fixed('connector'),
  'lsn.flush.timeout.ms': fixed('30000'),
  'lsn.flush.timeout.action': fixed('fail'),
  'flush.lsn.source': fixed('true'),
  'offset.mismatch.strategy': fixed('no_validation'),
  'read.only': fixed('false'),
  // What is captured
  'topic.prefix': required(TOPIC_NAME),
  'schema.include.list': expressions,
  'schema.exclude.list': expressions,
  'table.include.list': expressions,
  'table.exclude.list': expressions,
  'column.include.list': fixed(''),
  'column.exclude.list': fixed(''),
  'message.key.columns': fixed(''),
  'column.propagate.source.type': fixed(''),
  'datatype.propagate.source.type': fixed(''),
  'guardrail.collections.max': fixed('0'),
  'guardrail.collections.limit.action': fixed('warn'),
  'message.prefix.include.list': fixed(''),
  'message.prefix.exclude.list': fixed('.*'),
  'skipped.operations': { kind: 'text', default: 't' },
  'skip.messages.without.change': fixed('false'),
  'table.ignore.builtin': fixed('true'),
  // Events
  'tombstones.on.delete': flag(true),
  'decimal.handling.mode': choice('precise', 'double', 'string'),
  'time.precision.mode': choice(
    'adaptive',
    ...['adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds'],
  ),
  'interval.handling.mode': choice('numeric', 'string'),
  'binary.handling.mode': choice('bytes', 'base64', 'base64-url-safe', 'hex'),
  'hstore.handling.mode': choice('json', 'map'),
  'money.fraction.digits': fixed('2'),
  // Debezium's default is true: four headers per record, of which only one differs between connectors.
  'extended.headers.enabled': flag(false),
  'unavailable.value.placeholder': text('__debezium_unavailable_value'),
  'include.unknown.datatypes': fixed('false'),
  'include.schema.changes': only('false', 'it does not publish schema changes yet'),
  'include.schema.comments': fixed('false'),
  'provide.transaction.metadata': flag(false),
  'transaction.metadata.factory': fixed('io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory'),
  'sourceinfo.struct.maker': fixed('io.debezium.connector.postgresql.PostgresSourceInfoStructMaker'),
  'topic.naming.strategy': fixed('io.debezium.schema.SchemaTopicNamingStrategy'),
  'topic.delimiter': fixed('.'),
  'topic.cache.size': fixed('10000'),
  'topic.heartbeat.prefix': text('__debezium-heartbeat'),
  'topic.heartbeat.name': { kind: 'text', form: TOPIC_NAME },
  'topic.transaction': fixed('transaction'),
  'heartbeat.topics.prefix': fixed('__debezium-heartbeat'),
  'schema.name.adjustment.mode': fixed('none'),
  'field.name.adjustment.mode': fixed('none'),
  'schema.refresh.mode': fixed('columns_diff'),
  'event.processing.failure.handling.mode': fixed('fail'),
  converters: fixed(''),
  'post.processors': fixed(''),
  // Snapshots
  'snapshot.mode': choice(
    'initial',
    ...['initial_only', 'no_data', 'never', 'schema_only', 'always', 'when_needed'],
  ),
  'snapshot.mode.custom.name': fixed(''),
  'snapshot.mode.configuration.based.snapshot.data': fixed('false'),
  'snapshot.mode.configuration.based.snapshot.schema': fixed('false'),
  'snapshot.mode.configuration.based.start.stream': fixed('false'),
  'snapshot.mode.configuration.based.snapshot.on.data.error': fixed('false'),
  'snapshot.mode.configuration.based.snapshot.on.schema.error': fixed('false'),
  'snapshot.fetch.size': integer(10_240, 1),
  // Ours: rows per second of all snapshots together; 0 is no bound.
  'snapshot.max.rows.per.second': integer(0),
  // Ours: the sink deletes what a complete first snapshot did not see (decision 0020).
  'snapshot.sweep': flag(false),
  'snapshot.isolation.mode': fixed('serializable', 'repeatable_read'),
  'snapshot.locking.mode': fixed('none'),
  'snapshot.locking.mode.custom.name': fixed(''),
  'snapshot.query.mode': fixed('select_all'),
  'snapshot.query.mode.custom.name': fixed(''),
  'query.fetch.size': fixed('0'),
  'snapshot.delay.ms': fixed('0'),
  'streaming.delay.ms': fixed('0'),
  'snapshot.lock.timeout.ms': fixed('10000'),
  'snapshot.max.threads': fixed('1'),
  'snapshot.max.threads.multiplier': fixed('1'),
  'snapshot.tables.order.by.row.count': fixed('disabled'),
  'snapshot.include.collection.list': expressions,
  'snapshot.select.statement.overrides': fixed(''),
  'signal.data.collection': text(),
  'signal.enabled.channels': fixed('source'),
  'signal.poll.interval.ms': fixed('5000'),
  'incremental.snapshot.chunk.size': integer(1_024, 1),
  'incremental.snapshot.watermarking.strategy': fixed('insert_insert'),
  'incremental.snapshot.allow.schema.changes': fixed('false'),
  'notification.enabled.channels': fixed(''),
  'notification.sink.topic.name': fixed(''),
  // Batches, bounds, retries
  'max.batch.size': integer(2_048, 1),
  'max.queue.size': integer(8_192, 1),
  'max.queue.size.in.bytes': integer(0),
  'poll.interval.ms': fixed('500'),
  'heartbeat.interval.ms': integer(0),
  'heartbeat.action.query': fixed(''),
  'errors.max.retries': integer(-1, -1),
  'errors.retry.delay.initial.ms': integer(300),
  'errors.retry.delay.max.ms': integer(10_000, 1),
  'retriable.restart.connector.wait.ms': integer(10_000),
  'custom.metric.tags': fixed(''),
  'statistics.metrics.enabled': fixed('true'),
  'custom.sanitize.pattern': fixed(''),
  'queue.provider.type': fixed('memory'),
  'memory.management.tables.class': fixed('io.debezium.relational.ConcurrentMapTableMappingStorage'),
  'memory.management.schemas.class': fixed('io.debezium.relational.ConcurrentMapTableMappingStorage'),
  'log.position.check.enable': fixed('true'),
  'executor.shutdown.timeout.ms': fixed('4000'),
  'connection.validation.timeout.ms': integer(60_000, 1),
  // OpenLineage
  'openlineage.integration.enabled': fixed('false'),
  'openlineage.integration.config.file.path': fixed('./openlineage.yml'),
  'openlineage.integration.dataset.kafka.bootstrap.servers': fixed(''),
  'openlineage.integration.job.description': fixed('Debezium change data capture job'),
  'openlineage.integration.job.namespace': fixed(''),
  'openlineage.integration.job.owners': fixed(''),
  'openlineage.integration.job.tags': fixed(''),
};

/** Debezium's keys that carry a parameter in their name. None is supported. */
export const UNSUPPORTED_PATTERNS: readonly RegExp[] = [
  /^column\.truncate\.to\..+\.chars$/,
  /^column\.mask\.with\..+\.chars$/,
  /^column\.mask\.hash(\.v2)?\..+\.with\.salt\..+$/,
];

/** The value of a key, or its default; undefined if it has none. */
export function textOf(config: ConnectorConfig, key: string): string | undefined {
  const value = config[key];
  if (value !== undefined) return value;
  const definition = CONFIG_KEYS[key];
  return definition && 'default' in definition ? String(definition.default) : undefined;
}

export function numberOf(config: ConnectorConfig, key: string): number {
  return Number(textOf(config, key));
}
