import { describe, expect, test } from 'vitest';
import { quoteIdentifier } from '../bind/quoting.ts';
import { labelOf, tableNameOf } from '../bind/table-name.ts';
import { parseSinkConfig, validateSinkConfig } from './sink-config.ts';

const VALID = {
  'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
  topics: 'lab.public.customers',
  'connection.url': 'jdbc:postgresql://127.0.0.1:5433/sink',
  'connection.username': 'postgres',
  'connection.password': '${env:PGPASSWORD}',
};
const problems = (extra: Record<string, string>) =>
  validateSinkConfig({ ...VALID, ...extra }).map(({ key, nearest }) =>
    nearest ? `${key} → ${nearest}` : key,
  );

describe('validateSinkConfig', () => {
  test('finds nothing wrong with a small valid configuration', () => {
    expect(validateSinkConfig(VALID)).toEqual([]);
  });
  test('names the nearest key for one it does not know', () => {
    expect(problems({ 'insert.mod': 'upsert' })).toEqual(['insert.mod → insert.mode']);
    expect(problems({ 'consumer.override.session.timeout': '1' })).toEqual([
      'consumer.override.session.timeout → consumer.override.session.timeout.ms',
    ]);
    expect(problems({ zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz: '1' })).toEqual(['zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz']);
  });
  test('is not fooled by names that every object has', () => {
    expect(problems({ constructor: 'x' })).toHaveLength(1);
  });
  test("refuses a key of Debezium's that it does not support, by name", () => {
    const [problem] = validateSinkConfig({ ...VALID, 'dialect.postgres.postgis.schema': 'gis' });
    expect(problem?.message).toBe(
      'dialect.postgres.postgis.schema is a known key that this sink does not support',
    );
  });
  test.each([
    [{ 'insert.mode': 'update' }, ['insert.mode']],
    [{ 'primary.key.mode': 'kafka' }, ['primary.key.mode']],
    [{ 'primary.key.mode': 'none' }, ['primary.key.mode']],
    [{ 'primary.key.mode': 'record_value' }, ['primary.key.fields']],
    [{ 'primary.key.mode': 'none', 'insert.mode': 'insert', 'delete.enabled': 'true' }, ['delete.enabled']],
    [{ 'insert.mode': 'insert', 'dedup.mode': 'lsn' }, ['dedup.mode']],
    [{ 'errors.tolerance': 'all' }, ['errors.deadletterqueue.topic.name']],
    [{ 'errors.deadletterqueue.topic.name': 'dlq' }, ['errors.deadletterqueue.topic.name']],
    [{ 'field.include.list': 'a', 'field.exclude.list': 'b' }, ['field.exclude.list']],
    [{ 'connection.url': 'postgres://x/y' }, ['connection.url']],
    [{ 'batch.size': '0' }, ['batch.size']],
    [{ 'topics.regex': 'x.*' }, ['topics']],
    [{ 'delete.enabled': 'yes' }, ['delete.enabled']],
  ])('refuses %j', (extra, keys) => {
    expect(problems(extra as Record<string, string>)).toEqual(keys);
  });
});

test('parseSinkConfig fills in the defaults of the mode', () => {
  const config = parseSinkConfig({ ...VALID, 'connection.password': 'geheim' });
  expect(config.connection).toEqual({
    host: '127.0.0.1',
    port: 5433,
    database: 'sink',
    user: 'postgres',
    password: 'geheim',
    tls: null,
    applicationName: null,
    schemas: ['public'],
  });
  expect(config).toMatchObject({
    dedup: 'lsn',
    insertMode: 'upsert',
    primaryKeyMode: 'record_key',
    batchSize: 5000,
  });
  expect(parseSinkConfig({ ...VALID, 'insert.mode': 'insert' }).dedup).toBe('none');
  expect(parseSinkConfig({ ...VALID, 'topics.regex': 'lab\\..*' }).topicsRegex?.test('my.lab.x')).toBe(false);
});

describe('tableNameOf', () => {
  const source = { schema: 'public', table: 'or"ders; DROP' };
  test('fills the format in, and quotes what it gets', () => {
    expect(tableNameOf('${source.table}', 't', source, 'public').sql).toBe('"public"."or""ders; DROP"');
    expect(tableNameOf('s_${source.schema}.${source.table}', 't', source, 'public').qualified).toBe(
      's_public.or"ders; DROP',
    );
    expect(tableNameOf('${topic}', 'lab.public.x', source, 'public').table).toBe('lab_public_x');
    expect(tableNameOf('${source.table}', 't', { table: 'a.b' }, 'public').table).toBe('a.b');
    expect(tableNameOf('${source.table}', 't', { table: 'a' }, 'Shop').sql).toBe('"Shop"."a"');
  });
  test('refuses names that PostgreSQL would cut off, and fields that the record lacks', () => {
    expect(() => tableNameOf('${source.table}', 't', { table: 'x'.repeat(64) }, 'public')).toThrow(
      /cannot be a name/,
    );
    expect(() => tableNameOf('${source.nope}', 't', source, 'public')).toThrow(/nope/);
    expect(() => quoteIdentifier('a\0b')).toThrow(/cannot be a name/);
  });
  test('labels a topic by its table', () => {
    expect(labelOf('lab.public.customers')).toBe('public.customers');
    expect(labelOf('other')).toBe('other');
  });
});

test('no two tables have the same name in the sink’s own tables, and usual names are as they were', () => {
  const qualified = (schema: string, table: string) =>
    tableNameOf('${source.schema}.${source.table}', 't', { schema, table }, 'public').qualified;
  expect(qualified('a.b', 'c')).toBe('"a.b".c');
  expect(qualified('a', 'b.c')).toBe('a."b.c"');
  expect(qualified('"a', 'b')).toBe('"""a".b');
  expect(qualified('public', 'Orders')).toBe('public.Orders');
});
