import { expect, test } from 'vitest';
import { parseSinkConfig, type SinkConfig, validateSinkConfig } from './sink-config.ts';
import { CLASS_NAME, KEYS, UNSUPPORTED_KEYS } from './sink-keys.ts';

const BASE = {
  'connector.class': CLASS_NAME,
  topics: 'lab.public.customers',
  'connection.url': 'jdbc:postgresql://127.0.0.1:5433/sink',
  'connection.username': 'postgres',
};

/** What a value other than the default does. */
type Effect =
  /** It changes what this returns, if the keys of `given` are set too. */
  | { readonly value: string; readonly changes: (config: SinkConfig) => unknown; readonly given?: Given }
  /** It is refused by name. */
  | { readonly value: string; readonly refused: RegExp }
  /** The worker reads it. */
  | { readonly value: string; readonly readBy: string };
/** Keys to set, or with null to leave out. */
type Given = Readonly<Record<string, string | null>>;

const DLQ = { 'errors.tolerance': 'all', 'errors.deadletterqueue.topic.name': 'dlq' };

const EFFECTS: Readonly<Record<string, Effect>> = {
  name: { value: 'shop', readBy: 'pipeline/worker: the name in the REST API' },
  'connector.class': { value: 'io.confluent.connect.jdbc.JdbcSinkConnector', refused: /must be one of/ },
  'tasks.max': { value: '2', readBy: 'pipeline/worker/task-share.ts' },
  topics: { value: 'a,b', changes: ({ topics }) => topics },
  'topics.regex': {
    value: 'a.*',
    changes: ({ topicsRegex }) => topicsRegex?.source,
    given: { topics: null },
  },
  'key.converter': { value: 'io.confluent.connect.avro.AvroConverter', refused: /must be one of/ },
  'value.converter': { value: 'io.confluent.connect.avro.AvroConverter', refused: /must be one of/ },
  'key.converter.schemas.enable': { value: 'false', changes: ({ schemas }) => schemas.key },
  'value.converter.schemas.enable': { value: 'false', changes: ({ schemas }) => schemas.value },
  'connection.url': {
    value: 'jdbc:postgresql://other/sink',
    changes: ({ connection }) => connection.host,
  },
  'connection.username': { value: 'other', changes: ({ connection }) => connection.user },
  'connection.password': { value: 'secret', changes: ({ connection }) => connection.password },
  'connection.pool.max_size': { value: '3', changes: ({ poolSize }) => poolSize },
  'connection.restart.on.errors': { value: 'false', refused: /must be one of true/ },
  'insert.mode': { value: 'insert', changes: ({ insertMode }) => insertMode },
  'delete.enabled': { value: 'true', changes: ({ deleteEnabled }) => deleteEnabled },
  'truncate.enabled': { value: 'true', changes: ({ truncateEnabled }) => truncateEnabled },
  'primary.key.mode': {
    value: 'record_value',
    changes: ({ primaryKeyMode }) => primaryKeyMode,
    given: { 'primary.key.fields': 'id' },
  },
  'primary.key.fields': { value: 'id', changes: ({ primaryKeyFields }) => primaryKeyFields },
  'quote.identifiers': { value: 'false', refused: /must be one of true/ },
  'schema.evolution': { value: 'basic', changes: ({ evolve }) => evolve },
  'collection.name.format': { value: '${source.table}', changes: ({ tableFormat }) => tableFormat },
  'table.name.format': { value: '${source.table}', changes: ({ tableFormat }) => tableFormat },
  'field.include.list': { value: 'id', changes: ({ includeFields }) => includeFields },
  'field.exclude.list': { value: 'id', changes: ({ excludeFields }) => excludeFields },
  'batch.size': { value: '100', changes: ({ batchSize }) => batchSize },
  'use.time.zone': { value: 'Europe/Berlin', refused: /must be one of UTC/ },
  'database.time_zone': { value: 'Europe/Berlin', refused: /must be one of UTC/ },
  'dialect.postgres.unnest.insert.enabled': { value: 'false', refused: /must be one of true/ },
  'use.reduction.buffer': { value: 'false', changes: ({ reduce }) => reduce },
  'flush.max.retries': { value: '5', changes: ({ maxRetries }) => maxRetries },
  'flush.retry.delay.ms': { value: '10', changes: ({ retryDelayMs }) => retryDelayMs },
  'errors.tolerance': {
    value: 'all',
    changes: ({ deadLetterTopic }) => deadLetterTopic,
    given: { 'errors.deadletterqueue.topic.name': 'dlq' },
  },
  'errors.log.enable': { value: 'true', changes: ({ logErrors }) => logErrors },
  'errors.log.include.messages': { value: 'true', changes: ({ logErrorMessages }) => logErrorMessages },
  'errors.deadletterqueue.topic.name': {
    value: 'dlq',
    changes: ({ deadLetterTopic }) => deadLetterTopic,
    given: { 'errors.tolerance': 'all' },
  },
  'errors.deadletterqueue.topic.replication.factor': {
    value: '3',
    changes: ({ deadLetterReplicationFactor }) => deadLetterReplicationFactor,
    given: DLQ,
  },
  'errors.deadletterqueue.context.headers.enable': {
    value: 'false',
    changes: ({ deadLetterContextHeaders }) => deadLetterContextHeaders,
    given: DLQ,
  },
  'binary.handling.mode': { value: 'hex', changes: ({ binary }) => binary },
  'unavailable.value.placeholder': { value: 'n/a', changes: ({ placeholder }) => placeholder },
  'consumer.override.auto.offset.reset': { value: 'latest', refused: /must be one of earliest/ },
  'consumer.override.isolation.level': {
    value: 'read_uncommitted',
    refused: /must be one of read_committed/,
  },
  'consumer.override.session.timeout.ms': {
    value: '20000',
    changes: ({ consumer }) => consumer.sessionTimeoutMs,
  },
  'consumer.override.heartbeat.interval.ms': {
    value: '500',
    changes: ({ consumer }) => consumer.heartbeatIntervalMs,
  },
  'consumer.override.max.poll.interval.ms': {
    value: '60000',
    changes: ({ consumer }) => consumer.rebalanceTimeoutMs,
  },
  'consumer.override.fetch.max.bytes': { value: '2048', changes: ({ consumer }) => consumer.maxBytes },
  'consumer.override.max.partition.fetch.bytes': {
    value: '2048',
    changes: ({ consumer }) => consumer.maxBytesPerPartition,
  },
  'consumer.override.fetch.max.wait.ms': { value: '7', changes: ({ consumer }) => consumer.maxWaitMs },
  'consumer.override.metadata.max.age.ms': {
    value: '777',
    changes: ({ consumer }) => consumer.metadataMaxAgeMs,
  },
  'dedup.mode': { value: 'table', changes: ({ dedup }) => dedup },
  'statement.timeout.ms': { value: '5', changes: ({ statementTimeoutMs }) => statementTimeoutMs },
  'bookkeeping.retention.ms': { value: '-1', changes: ({ retentionMs }) => retentionMs },
};

/** The base with other keys; a null leaves one out. */
function configOf(extra: Given): Record<string, string> {
  const entries = Object.entries({ ...BASE, ...extra });
  return Object.fromEntries(entries.flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}

test('every key that the sink accepts is in the table of this test, and no other is', () => {
  expect(Object.keys(EFFECTS).sort()).toEqual(Object.keys(KEYS).sort());
});

test.each(Object.entries(EFFECTS))('%s, at a value other than its default, has an effect', (key, effect) => {
  expect(effect.value).not.toBe(KEYS[key]?.default);
  if ('refused' in effect) {
    const problems = validateSinkConfig(configOf({ [key]: effect.value }));
    expect(problems).toEqual([{ key, message: expect.stringMatching(effect.refused) }]);
    expect(problems[0]?.message).toContain(key);
    return;
  }
  const given = 'given' in effect ? effect.given : {};
  const [without, having] = [configOf(given ?? {}), configOf({ ...given, [key]: effect.value })];
  expect(validateSinkConfig(having)).toEqual([]);
  if ('changes' in effect) {
    expect(effect.changes(parseSinkConfig(having))).not.toEqual(effect.changes(parseSinkConfig(without)));
  }
});

test.each([...UNSUPPORTED_KEYS, 'transforms.unwrap.type'])('%s is refused by name', (key) => {
  const message = `${key} is a known key that this sink does not support`;
  expect(validateSinkConfig({ ...BASE, [key]: 'x' })).toEqual([{ key, message }]);
});

test.each<[Record<string, string>, string]>([
  [{ 'use.reduction.buffer': 'true', 'insert.mode': 'insert' }, 'use.reduction.buffer'],
  [{ 'table.name.format': 'a', 'collection.name.format': 'b' }, 'table.name.format'],
  [{ 'primary.key.fields': 'id', 'primary.key.mode': 'none', 'insert.mode': 'insert' }, 'primary.key.fields'],
])('a key that another one would make void is refused: %j', (extra, key) => {
  expect(validateSinkConfig({ ...BASE, ...extra }).map((problem) => problem.key)).toEqual([key]);
});

test("the configurations of Debezium's documentation for the JDBC sink are accepted", () => {
  const documented = {
    ...BASE,
    name: 'jdbc-connector',
    'tasks.max': '1',
    'connection.url': 'jdbc:postgresql://localhost/db',
    'connection.password': 'pgpassword',
    'insert.mode': 'upsert',
    'delete.enabled': 'true',
    'primary.key.mode': 'record_key',
    'schema.evolution': 'basic',
    topics: 'orders',
  };
  const json = 'org.apache.kafka.connect.json.JsonConverter';
  const converters = { 'key.converter': json, 'value.converter': json };
  for (const extra of [
    { 'use.time.zone': 'UTC' },
    { 'database.time_zone': 'UTC' },
    { ...converters, 'key.converter.schemas.enable': 'false', 'value.converter.schemas.enable': 'true' },
    { 'use.reduction.buffer': 'true', 'dialect.postgres.unnest.insert.enabled': 'true' },
    { 'connection.url': 'jdbc:postgresql://localhost/db?user=postgres&password=pgpassword' },
  ]) {
    expect(validateSinkConfig({ ...documented, ...extra })).toEqual([]);
  }
});
