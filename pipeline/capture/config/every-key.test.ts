import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectorConfig } from '../../contract/connector.ts';
import { parseConfig } from './source-config.ts';
import { CONFIG_KEYS, CONNECTOR_CLASS } from './source-keys.ts';
import { validateConfig } from './validate-config.ts';

const GOOD: ConnectorConfig = {
  name: 'src',
  'connector.class': CONNECTOR_CLASS,
  'database.hostname': 'db',
  'database.user': 'u',
  'database.dbname': 'd',
  'topic.prefix': 'p',
};
const FILE = join(tmpdir(), `cdc-lab-every-key-${process.pid}.pem`);
const TLS = { 'database.sslmode': 'verify-full', 'database.sslrootcert': FILE };
const CLIENT_TLS = { ...TLS, 'database.sslcert': FILE, 'database.sslkey': FILE };

beforeAll(() => writeFileSync(FILE, ''));
afterAll(() => rmSync(FILE));

/** A value that is not the default, the path in the typed configuration that it changes, and what it becomes. */
type Change = readonly [value: string, path: string, becomes: unknown, others?: ConnectorConfig];

const CHANGES: Readonly<Record<string, Change>> = {
  name: ['other', 'name', 'other'],
  'key.converter.schemas.enable': ['false', 'encoder.schemasEnable', { key: false, value: true }],
  'value.converter.schemas.enable': ['false', 'encoder.schemasEnable', { key: true, value: false }],
  'topic.creation.default.partitions': ['3', 'topics.partitions', 3],
  'topic.creation.default.replication.factor': ['2', 'topics.replicationFactor', 2],
  'producer.override.compression.type': ['lz4', 'producer.compression', 'lz4'],
  'producer.override.request.timeout.ms': ['700', 'producer.requestTimeoutMs', 700],
  'database.hostname': ['other', 'database.host', 'other'],
  'database.port': ['5433', 'database.port', 5433],
  'database.user': ['other', 'database.user', 'other'],
  'database.password': ['secret', 'database.password', 'secret'],
  'database.dbname': ['other', 'database.name', 'other'],
  'database.sslmode': ['require', 'database.tls.mode', 'require'],
  'database.sslrootcert': [FILE, 'database.tls.sslrootcert', FILE, TLS],
  'database.sslcert': [FILE, 'database.tls.sslcert', FILE, CLIENT_TLS],
  'database.sslkey': [FILE, 'database.tls.sslkey', FILE, CLIENT_TLS],
  'database.tcpKeepAlive': ['false', 'database.tcpKeepAlive', false],
  'database.query.timeout.ms': ['7', 'database.queryTimeoutMs', 7],
  'slot.name': ['other', 'slot.name', 'other'],
  'slot.drop.on.stop': ['true', 'slot.dropOnStop', true],
  'slot.failover': ['true', 'slot.failover', true],
  'slot.max.retries': ['7', 'slotMaxRetries', 7],
  'slot.retry.delay.ms': ['7', 'slotRetryDelayMs', 7],
  'publication.name': ['other', 'publication.name', 'other'],
  'publication.autocreate.mode': ['filtered', 'publication.autocreate', 'filtered'],
  'status.update.interval.ms': ['70', 'statusIntervalMs', 70],
  'topic.prefix': ['other', 'encoder.topicPrefix', 'other'],
  'schema.include.list': ['s', 'tables.schemaInclude', 's'],
  'schema.exclude.list': ['s', 'tables.schemaExclude', 's'],
  'table.include.list': ['s.t', 'tables.tableInclude', 's.t'],
  'table.exclude.list': ['s.t', 'tables.tableExclude', 's.t'],
  'skipped.operations': ['u', 'skippedOperations', new Set(['u'])],
  'tombstones.on.delete': ['false', 'encoder.tombstonesOnDelete', false],
  'decimal.handling.mode': ['string', 'encoder.decimals', 'string'],
  'time.precision.mode': ['connect', 'encoder.time', 'connect'],
  'interval.handling.mode': ['string', 'encoder.interval', 'string'],
  'binary.handling.mode': ['hex', 'encoder.binary', 'hex'],
  'hstore.handling.mode': ['map', 'encoder.hstore', 'map'],
  'extended.headers.enabled': ['true', 'encoder.contextHeaders.taskId', '0'],
  'unavailable.value.placeholder': ['none', 'encoder.unavailableValue', 'none'],
  'provide.transaction.metadata': ['true', 'transactionMetadata', true],
  'topic.heartbeat.prefix': ['beat', 'heartbeat.topic', 'beat.p'],
  'topic.heartbeat.name': ['beats', 'heartbeat.topic', 'beats'],
  'snapshot.mode': ['schema_only', 'snapshot.mode', 'no_data'],
  'snapshot.fetch.size': ['7', 'snapshot.fetchSize', 7],
  'snapshot.max.rows.per.second': ['7', 'snapshot.maxRowsPerSecond', 7],
  'snapshot.sweep': ['true', 'snapshot.sweep', true],
  'snapshot.include.collection.list': ['s[.]t', 'snapshot.include', [/^(?:s[.]t)$/i]],
  'signal.data.collection': ['s.t', 'signalTable', 's.t'],
  'incremental.snapshot.chunk.size': ['7', 'snapshot.incrementalChunkSize', 7],
  'max.batch.size': ['7', 'batchRecords', 7],
  'max.queue.size': ['9000', 'queueRecords', 9_000],
  'max.queue.size.in.bytes': ['7', 'queueBytes', 7],
  'heartbeat.interval.ms': ['7', 'heartbeat.intervalMs', 7],
  'errors.max.retries': ['7', 'retries.max', 7],
  'errors.retry.delay.initial.ms': ['7', 'retries.initialMs', 7],
  'errors.retry.delay.max.ms': ['7', 'retries.maxMs', 7],
  'retriable.restart.connector.wait.ms': ['7', 'retries.maxMs', 7],
  'connection.validation.timeout.ms': ['7', 'database.connectTimeoutMs', 7],
};
const TOPIC_CONFIG = 'topic.creation.default.';
const TOPIC_CONFIGS = Object.keys(CONFIG_KEYS)
  .filter((key) => key.startsWith(TOPIC_CONFIG) && !(key in CHANGES))
  .map((key): [string, Change] => [key, ['7', 'topics.configs', { [key.slice(TOPIC_CONFIG.length)]: '7' }]]);

/** Values that differ from the default and mean the same here, each with the reason. */
const SAME: Readonly<Record<string, readonly [value: string, why: string]>> = {
  'tasks.max': ['4', 'a maximum: this connector has one task, as in Debezium'],
  'config.action.reload': ['none', 'no secret has a time to live, after which it would be reloaded'],
  'producer.override.acks': ['-1', 'another spelling of "all"'],
  'snapshot.isolation.mode': [
    'repeatable_read',
    'a read-only snapshot that a slot exports is the same under both',
  ],
};

const FIXED = Object.entries(CONFIG_KEYS).filter(([, { kind }]) => kind === 'fixed');

test('every key has an entry: it changes something, means the same, or is fixed', () => {
  const known = new Set([
    ...Object.keys(CHANGES),
    ...TOPIC_CONFIGS.map(([key]) => key),
    ...Object.keys(SAME),
  ]);
  const withoutEntry = Object.entries(CONFIG_KEYS).filter(([key, definition]) => {
    const hasChoice = definition.kind !== 'fixed' || definition.values.length > 1;
    return hasChoice && !known.has(key);
  });
  expect(withoutEntry.map(([key]) => key)).toEqual([]);
  expect([...known].filter((key) => !(key in CONFIG_KEYS))).toEqual([]);
});

test.each([...Object.entries(CHANGES), ...TOPIC_CONFIGS])(
  '%s is read',
  (key, [value, path, becomes, others]) => {
    const config = { ...GOOD, ...others, [key]: value };
    expect(validateConfig(config)).toEqual([]);
    expect(at(path, config)).toEqual(becomes);
    const { [key]: _, ...without } = { ...GOOD, ...others };
    expect(at(path, without)).not.toEqual(becomes);
  },
);

test.each(Object.entries(SAME))('%s takes a second value of the same meaning', (key, [value]) => {
  const config = { ...GOOD, [key]: value };
  expect(validateConfig(config)).toEqual([]);
  expect(parseConfig(config)).toEqual(parseConfig(GOOD));
});

test.each(FIXED)('%s refuses every value but its own, by name', (key) => {
  const [problem, ...more] = validateConfig({ ...GOOD, [key]: 'another value' });
  expect(problem).toMatchObject({ key, message: expect.stringContaining(`"${key}" is not supported`) });
  expect(more).toEqual([]);
});

test('include.schema.changes=true is refused with the reason', () => {
  expect(validateConfig({ ...GOOD, 'include.schema.changes': 'false' })).toEqual([]);
  expect(validateConfig({ ...GOOD, 'include.schema.changes': 'true' })).toEqual([
    {
      key: 'include.schema.changes',
      message:
        '"include.schema.changes" is not supported by the TypeScript engine, other than as "false": ' +
        'it does not publish schema changes yet.',
    },
  ]);
});

function at(path: string, config: ConnectorConfig): unknown {
  let value: unknown = parseConfig(config);
  for (const name of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[name];
  return value;
}
