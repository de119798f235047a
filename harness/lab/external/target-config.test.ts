import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { type ExternalConfigInput, postgresUrl } from './target-config.ts';
import {
  externalJsonSchema,
  loadExternalConfig,
  parseExternalConfig,
  printable,
} from './target-config-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'cdc-lab-config-'));
for (const name of ['ca.pem', 'client.pem'])
  writeFileSync(join(folder, name), '-----BEGIN CERTIFICATE-----\n');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const whole: ExternalConfigInput = {
  source: {
    ...{ host: 'db.test', database: 'shop', user: 'lab', password: '${env:SHOP_PASSWORD}' },
    ...{ sslrootcert: 'ca.pem', slot: 'shop', publication: 'shop' },
  },
  sink: { host: 'dwh.test', port: 6432, database: 'shop', user: 'lab', sslmode: 'disable' },
  kafka: {
    bootstrapServers: ['broker.test:9094'],
    tls: { ca: './ca.pem' },
    sasl: { mechanism: 'SCRAM-SHA-512', username: 'lab', password: '${file:/run/secrets/kafka}' },
  },
  connect: { url: 'https://connect.test:8083', username: 'lab', password: '${env:CONNECT_PASSWORD}' },
  connectors: { source: { name: 'shop-source' }, sink: { name: 'shop-sink' } },
  topicPrefix: 'shop',
};

const LOGIN = { username: 'lab', password: '${env:REGISTRY_PASSWORD}' };

/** A copy with something else at a path. */
function changed(path: string, value: unknown): unknown {
  const copy = structuredClone(whole) as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  const parent = keys.reduce((at, key) => at[key] as Record<string, unknown>, copy);
  parent[last] = value;
  return copy;
}

const parse = (raw: unknown) => parseExternalConfig(raw, join(folder, 'cdc-lab.config.json'));

test('a URL carries libpq’s options, and only a reference to the password', () => {
  const { source, sink } = parse(whole);
  expect(decodeURIComponent(postgresUrl(source))).toBe(
    `postgres://lab:\${env:SHOP_PASSWORD}@db.test:5432/shop?sslmode=verify-full` +
      `&sslrootcert=${folder}/ca.pem&uselibpqcompat=true`,
  );
  expect(postgresUrl(sink)).toBe('postgres://lab@dwh.test:6432/shop?sslmode=disable&uselibpqcompat=true');
});

test('a host that is a folder is a Unix socket, which has no TLS', () => {
  const { source } = parse(changed('source.host', '/var/run/postgresql'));
  const url = postgresUrl({ ...source, password: null });
  const { host, port, database } = new pg.Client({ connectionString: url });
  expect({ host, port, database }).toEqual({ host: '/var/run/postgresql', port: 5432, database: 'shop' });
  expect(new URL(url).search).toBe('');
});

test.each([
  ['source.hots', 'x', 'source.hots is not known; did you mean host?'],
  ['kafka.tls.keys', 'x', 'kafka.tls.keys is not known; did you mean key?'],
  ['kafka.sasl.user', 'lab', 'kafka.sasl.user is not known; did you mean username?'],
  ['conect', {}, 'conect is not known; did you mean connect?'],
  ['source.port', 0, 'source.port must be at least 1'],
  ['source.sslmode', 'prefer', 'source.sslmode must be one of disable, require, verify-ca, verify-full.'],
  ['kafka.sasl.mechanism', 'GSSAPI', 'kafka.sasl.mechanism must be one of PLAIN, SCRAM-SHA-256'],
  ['source.sslcert', 'client.pem', 'source.sslkey: sslcert and sslkey go together'],
  ['sink.sslrootcert', 'ca.pem', 'sink.sslmode: disable goes with no certificate'],
  ['kafka.tls', null, ''],
  ['kafka.tls.ca', 'none.pem', 'kafka.tls.ca: The certificate or key'],
  ['tables', ['orders'], 'tables.0: a table is written as schema.table'],
  ['tables', ['public.a.b'], 'tables.0: a table is written as schema.table'],
  ['tables', ['"a.b".c', 'public."x,""y"'], ''],
  ['connect.url', 'https://lab:secret@connect.test', 'connect.url: a URL holds no login here'],
  ['connect.url', 'nonsense', 'connect.url: must be a URL of http or https'],
  ['connect.url', 'http://connect.test', 'connect.url: http sends the password unencrypted: use https'],
  ['connect.url', 'http://127.0.0.1.test', 'connect.url: http sends the password unencrypted'],
  ['connect.url', 'http://127.0.0.1:8083', ''],
  ['connect.url', 'http://localhost:8083', ''],
  ['connect.url', 'http://[::1]:8083', ''],
  ['connectors.sink.url', 'http://other.test', 'connectors.sink.url: http sends the password unencrypted'],
  ['connectors.source.url', 'http://127.0.0.1:8084', ''],
  ['connect', { url: 'http://connect.test' }, ''],
  ['registry', { url: 'http://registry.test' }, ''],
  [
    'registry',
    { ...LOGIN, url: 'http://registry.test' },
    'registry.url: http sends the password unencrypted',
  ],
  ['connect.password', null, 'connect.password: username and password go together'],
])('%s = %j is refused with its path, if it is a mistake', (path, value, said) => {
  if (said === '') expect(() => parse(changed(path, value))).not.toThrow();
  else expect(() => parse(changed(path, value))).toThrow(said);
});

test.each(['source.password', 'kafka.sasl.password', 'connect.password'])(
  'a password written out as %s is refused, and not repeated',
  (path) => {
    let said = '';
    try {
      parse(changed(path, 'hunter2'));
    } catch (error) {
      said = String(error);
    }
    expect(said).toContain(`${path}: a configuration must not contain a secret: write \${env:NAME}`);
    expect(said).not.toContain('hunter2');
  },
);

test('PLAIN and OAUTHBEARER without TLS are refused: they send the secret unencrypted', () => {
  const sasl = { mechanism: 'PLAIN', username: 'lab', password: '${env:X}' };
  const kafka = { bootstrapServers: ['b:9092'], sasl };
  expect(() => parse(changed('kafka', kafka))).toThrow(
    'kafka.sasl: PLAIN sends the secret unencrypted: configure tls',
  );
});

test('a client secret is not sent to a token endpoint over HTTP', () => {
  const asked = { clientId: 'lab', clientSecret: '${env:X}' };
  const sasl = (tokenUrl: string) => ({ mechanism: 'OAUTHBEARER', tokenUrl, ...asked });
  expect(() => parse(changed('kafka.sasl', sasl('http://login.test/token')))).toThrow(
    'kafka.sasl.tokenUrl: http sends clientSecret unencrypted: use https',
  );
  for (const url of ['https://login.test/token', 'http://127.0.0.1:9000/token'])
    expect(() => parse(changed('kafka.sasl', sasl(url)))).not.toThrow();
});

test('a TypeScript file is read directly', async () => {
  const path = join(folder, 'own.config.ts');
  writeFileSync(path, `const config: object = ${JSON.stringify(whole)};\nexport default config;\n`);
  const { config } = await loadExternalConfig(path);
  expect(config.source.database).toBe('shop');
  expect(config.engines).toEqual({ source: 'debezium', sink: 'jdbc' });
});

test('a file that does not exist or is not JSON is named', async () => {
  await expect(loadExternalConfig(join(folder, 'none.json'))).rejects.toThrow('none.json cannot be read');
  const broken = join(folder, 'broken.json');
  writeFileSync(broken, '{');
  await expect(loadExternalConfig(broken)).rejects.toThrow(/broken\.json cannot be read: .*JSON/);
});

test('the printed configuration is the effective one, with every secret masked', () => {
  process.env.SHOP_PASSWORD = 'hunter2';
  delete process.env.CONNECT_PASSWORD;
  const shown = JSON.stringify(printable(parse(whole)));
  expect(shown).not.toContain('hunter2');
  expect(shown).toContain('"password":"*** (SHOP_PASSWORD, which is set)"');
  expect(shown).toContain('"password":"*** (CONNECT_PASSWORD, which is not set)"');
  expect(shown).toContain('"password":"*** (the file /run/secrets/kafka)"');
  expect(shown).toContain('"sslmode":"verify-full"');
});

test('the JSON Schema tells an editor of every key', () => {
  const schema = externalJsonSchema() as { properties: Record<string, unknown>; required: string[] };
  expect(Object.keys(schema.properties)).toContain('connectors');
  expect(schema.required).toEqual(['source', 'sink', 'kafka', 'connect', 'connectors', 'topicPrefix']);
});
