import { messageOf } from '../../contract/errors.ts';

/** One key of the sink's configuration. */
export interface ConfigKey {
  /** The value if the key is absent. */
  readonly default: string | null;
  /** Null if the value is valid; otherwise the rest of a sentence that starts with the key. */
  readonly check: (value: string) => string | null;
}

const any = (): null => null;

function oneOf(...values: readonly string[]): ConfigKey['check'] {
  return (value) => (values.includes(value) ? null : `must be one of ${values.join(', ')}, not '${value}'`);
}

function integer(min: number, max: number): ConfigKey['check'] {
  return (value) =>
    /^-?\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max
      ? null
      : `must be a whole number from ${min} to ${max}, not '${value}'`;
}

function regex(value: string): string | null {
  try {
    new RegExp(value);
    return null;
  } catch (cause) {
    return `is not a regular expression: ${messageOf(cause)}`;
  }
}

function nonEmpty(value: string): string | null {
  return value.trim() === '' ? 'must not be empty' : null;
}

const boolean = oneOf('true', 'false');
const key = (fallback: string | null, check: ConfigKey['check'] = any): ConfigKey => ({
  default: fallback,
  check,
});

/** The class name of the sink, Debezium's. */
export const CLASS_NAME = 'io.debezium.connector.jdbc.JdbcSinkConnector';
const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';

/** Every key that the sink accepts. Names are those of Debezium's JDBC sink or of Kafka Connect, if they have the key. */
export const KEYS: Readonly<Record<string, ConfigKey>> = {
  name: key(null, nonEmpty),
  'connector.class': key(CLASS_NAME, oneOf(CLASS_NAME)),
  'tasks.max': key('1', integer(1, 1_000)),
  topics: key(null, nonEmpty),
  'topics.regex': key(null, regex),
  'key.converter': key(JSON_CONVERTER, oneOf(JSON_CONVERTER)),
  'value.converter': key(JSON_CONVERTER, oneOf(JSON_CONVERTER)),
  'key.converter.schemas.enable': key('true', boolean),
  'value.converter.schemas.enable': key('true', boolean),
  // connection.ts checks it, with its parameters and against the login.
  'connection.url': key(null),
  'connection.username': key(null, nonEmpty),
  'connection.password': key(''),
  'connection.pool.max_size': key('2', integer(1, 32)),
  'connection.restart.on.errors': key('true', oneOf('true')),
  'insert.mode': key('upsert', oneOf('upsert', 'insert')),
  'delete.enabled': key('false', boolean),
  'truncate.enabled': key('false', boolean),
  'primary.key.mode': key('record_key', oneOf('none', 'record_key', 'record_value')),
  'primary.key.fields': key(''),
  'quote.identifiers': key('true', oneOf('true')),
  'schema.evolution': key('none', oneOf('none', 'basic')),
  'collection.name.format': key('${topic}', nonEmpty),
  'table.name.format': key('${topic}', nonEmpty),
  'field.include.list': key(''),
  'field.exclude.list': key(''),
  'batch.size': key('5000', integer(1, 50_000)),
  'use.time.zone': key('UTC', oneOf('UTC')),
  // The name of use.time.zone before Debezium 2.7.
  'database.time_zone': key('UTC', oneOf('UTC')),
  'dialect.postgres.unnest.insert.enabled': key('true', oneOf('true')),
  'use.reduction.buffer': key('true', boolean),
  'flush.max.retries': key('-1', integer(-1, 1_000_000)),
  'flush.retry.delay.ms': key('1000', integer(1, 600_000)),
  'errors.tolerance': key('none', oneOf('none', 'all')),
  'errors.log.enable': key('false', boolean),
  'errors.log.include.messages': key('false', boolean),
  'errors.deadletterqueue.topic.name': key(''),
  'errors.deadletterqueue.topic.replication.factor': key('-1', integer(-1, 100)),
  'errors.deadletterqueue.context.headers.enable': key('true', boolean),
  'binary.handling.mode': key('bytes', oneOf('bytes', 'base64', 'base64-url-safe', 'hex')),
  'unavailable.value.placeholder': key('__debezium_unavailable_value', nonEmpty),
  'consumer.override.auto.offset.reset': key('earliest', oneOf('earliest')),
  'consumer.override.isolation.level': key('read_committed', oneOf('read_committed')),
  'consumer.override.session.timeout.ms': key('10000', integer(6_000, 1_800_000)),
  'consumer.override.heartbeat.interval.ms': key('2000', integer(100, 600_000)),
  'consumer.override.max.poll.interval.ms': key('10000', integer(1_000, 3_600_000)),
  'consumer.override.fetch.max.bytes': key('33554432', integer(1_024, 1_073_741_824)),
  'consumer.override.max.partition.fetch.bytes': key('1048576', integer(1_024, 1_073_741_824)),
  'consumer.override.fetch.max.wait.ms': key('100', integer(1, 60_000)),
  'consumer.override.metadata.max.age.ms': key('5000', integer(100, 3_600_000)),
  'dedup.mode': key(null, oneOf('lsn', 'table', 'none')),
  'statement.timeout.ms': key('30000', integer(0, 3_600_000)),
  'bookkeeping.retention.ms': key('691200000', integer(-1, 315_360_000_000)),
};

/** Keys of Debezium's JDBC sink or of Connect that this sink knows and does not support. */
export const UNSUPPORTED_KEYS: readonly string[] = [
  'connection.provider',
  'connection.pool.min_size',
  'connection.pool.acquire_increment',
  'connection.pool.timeout',
  'collection.table.format',
  'cloud.events.schema.name.pattern',
  'dialect.postgres.postgis.schema',
  'dialect.sqlserver.identity.insert',
  'dialect.name',
  'column.naming.strategy',
  'table.naming.strategy',
  'collection.naming.strategy',
  'transforms',
  'predicates',
  'header.converter',
  'header.converter.plugin.version',
  'key.converter.plugin.version',
  'value.converter.plugin.version',
  'connector.plugin.version',
  'tasks.max.enforce',
  'errors.retry.timeout',
  'errors.retry.delay.max.ms',
  'config.action.reload',
];
