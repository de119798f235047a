import { expect, test } from 'vitest';
import { parseConfig } from './source-config.ts';
import { CONFIG_KEYS, CONNECTOR_CLASS } from './source-keys.ts';
import { validateConfig } from './validate-config.ts';

const good = {
  name: 'src',
  'connector.class': CONNECTOR_CLASS,
  'database.hostname': 'db',
  'database.user': 'u',
  'database.dbname': 'd',
  'topic.prefix': 'p',
};

test('the keys that Debezium requires are enough, and the others have their defaults', () => {
  expect(validateConfig(good)).toEqual([]);
  const config = parseConfig(good);
  expect(config.batchRecords).toBe(2_048);
  expect(config.snapshot).toMatchObject({ mode: 'initial', fetchSize: 10_240 });
  expect([...config.skippedOperations]).toEqual(['t']);
  expect(config.encoder).toMatchObject({
    schemasEnable: { key: true, value: true },
    tombstonesOnDelete: true,
    decimals: 'precise',
  });
  expect(config.queueBytes).toBeGreaterThan(0);
});

test.each([
  [{}, undefined],
  [{ 'skipped.operations': 'none' }, undefined],
  [{ 'skipped.operations': 't' }, ['insert', 'update', 'delete']],
  [{ 'skipped.operations': 'u,t' }, ['insert', 'delete']],
  [{ 'skipped.operations': 'c,d' }, ['update', 'truncate']],
  [{ 'skipped.operations': 'c,u,d,t' }, []],
  [
    { 'skipped.operations': 'c', 'signal.data.collection': 's.t' },
    ['insert', 'update', 'delete', 'truncate'],
  ],
])('with %j, a created publication publishes %j', (more, operations) => {
  expect(parseConfig({ ...good, ...more }).publication.operations).toEqual(operations);
});

test('an unknown key is refused with the nearest known one', () => {
  const [problem] = validateConfig({ ...good, 'snapshot.fetch.sise': '1' });
  expect(problem).toMatchObject({ key: 'snapshot.fetch.sise', nearest: 'snapshot.fetch.size' });
  expect(validateConfig({ ...good, 'entirely.of.its.own.and.long': '1' })[0]?.nearest).toBeUndefined();
});

test('an unsupported key is refused by name unless its value changes nothing', () => {
  expect(validateConfig({ ...good, 'column.exclude.list': '' })).toEqual([]);
  const problems = validateConfig({
    ...good,
    'column.exclude.list': 'a.b.c',
    'plugin.name': 'decoderbufs',
    transforms: 'unwrap',
  });
  expect(problems.map((p) => p.key).sort()).toEqual(['column.exclude.list', 'plugin.name', 'transforms']);
  for (const { message } of problems) expect(message).toContain('not supported by the TypeScript engine');
});

test.each([
  'column.mask.with.12.chars',
  'column.truncate.to.20.chars',
  'column.mask.hash.SHA-256.with.salt.x',
])('%s is refused by name', (key) => {
  expect(validateConfig({ ...good, [key]: 'public.t.c' })).toEqual([
    { key, message: `"${key}" is not supported by the TypeScript engine.` },
  ]);
});

test('heartbeats go to the named topic, or to one named after the prefix', () => {
  expect(parseConfig(good).heartbeat.topic).toBe('__debezium-heartbeat.p');
  expect(parseConfig({ ...good, 'topic.heartbeat.name': 'beats' }).heartbeat.topic).toBe('beats');
});

test.each([
  ['snapshot.mode', 'configuration_based'],
  ['snapshot.fetch.size', '0'],
  ['snapshot.fetch.size', '1e3'],
  ['tombstones.on.delete', 'yes'],
  ['slot.name', 'Upper-Case'],
  ['table.include.list', 'public.(a'],
  ['skipped.operations', 'x'],
  ['max.queue.size', '10'],
  ['topic.prefix', ''],
  ['signal.data.collection', 'nodots'],
  ['value.converter.schemas.enable', 'no'],
  ['topic.creation.default.replication.factor', '0'],
])('%s=%s is refused', (key, value) => {
  expect(validateConfig({ ...good, [key]: value })).toHaveLength(1);
});

test('every default is a value that its key takes', () => {
  for (const [key, definition] of Object.entries(CONFIG_KEYS)) {
    if (!('default' in definition) || definition.default === undefined) continue;
    const problems = validateConfig({ ...good, [key]: String(definition.default) });
    expect(problems.filter((problem) => problem.key === key)).toEqual([]);
  }
});

test.each([
  [{ 'database.sslrootcert': '/ca.pem' }, /sslrootcert needs database.sslmode require.*could be plain text/],
  [
    { 'database.sslmode': 'disable', 'database.sslcert': '/c' },
    /sslcert needs database.sslmode.*is plain text/,
  ],
  [{ 'database.sslmode': 'verify-ca' }, /verify-ca needs database.sslrootcert/],
  [{ 'database.sslmode': 'require', 'database.sslkey': '/k' }, /must be given together/],
  [
    { 'database.sslmode': 'verify-full', 'database.sslrootcert': '/no/such.pem' },
    /database.sslrootcert names the file '\/no\/such.pem', which cannot be read \(ENOENT\)/,
  ],
])('unused TLS files are refused: %j', (extra, sentence) => {
  expect(validateConfig({ ...good, ...extra } as Record<string, string>)).toMatchObject([
    { key: 'database.sslmode', message: expect.stringMatching(sentence) },
  ]);
});

test.each([
  ['database.port', '99999', '"database.port" must be a whole number, at least 1 and at most 65535.'],
  ['database.port', '0', '"database.port" must be a whole number, at least 1 and at most 65535.'],
  [
    'database.hostname',
    'a,b',
    '"database.hostname" takes one host name, address or folder of a Unix socket, not "a,b": neither a list nor a URL.',
  ],
  ['database.hostname', '%zz', expect.stringContaining('folder of a Unix socket, not "%zz"')],
  ['database.hostname', 'u:secret@h', expect.not.stringContaining('secret')],
  ['topic.prefix', '%zz', expect.stringContaining('takes 1 to 200 letters (a to z), digits')],
  ['database.hostname', '//u:secret@h/d', expect.not.stringContaining('secret')],
  ['database.hostname', '/run/a,/run/b', expect.stringContaining('neither a list nor a URL')],
  ['database.hostname', 'postgresql://a', expect.stringContaining('neither a list nor a URL')],
])('%s=%s is refused with what it takes', (key, value, message) => {
  expect(validateConfig({ ...good, [key]: value })).toEqual([{ key, message }]);
});

test.each(['localhost', 'db_1.example', '10.0.0.1', '::1', 'bücher.example', '/var/run/postgresql'])(
  '%s is a host',
  (host) => {
    expect(validateConfig({ ...good, 'database.hostname': host })).toEqual([]);
  },
);

test('TLS is refused with a Unix socket, which has none', () => {
  const socket = { ...good, 'database.hostname': '/tmp' };
  expect(validateConfig({ ...socket, 'database.sslmode': 'require' })).toEqual([
    {
      key: 'database.sslmode',
      message: '"database.sslmode" cannot be require with a Unix socket, which has no TLS.',
    },
  ]);
  for (const mode of ['disable', 'allow', 'prefer']) {
    expect(validateConfig({ ...socket, 'database.sslmode': mode })).toEqual([]);
  }
});
