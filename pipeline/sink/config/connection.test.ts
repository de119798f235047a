import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readSearchPath } from './search-path.ts';
import { parseSinkConfig, validateSinkConfig } from './sink-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'cdc-lab-connection-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
const key = file('key.pem', privateKey.export({ format: 'pem', type: 'pkcs8' }));
const noPem = file('store.p12', 'anything');

const configOf = (query: string, extra: Record<string, string> = {}): Record<string, string> => ({
  topics: 't',
  'connection.url': `jdbc:postgresql://h/d${query}`,
  'connection.username': 'u',
  'connection.password': 'pass',
  ...extra,
});
const problems = (query: string, extra: Record<string, string> = {}): string[] =>
  validateSinkConfig(configOf(query, extra)).map(({ message }) => message);
const connectionOf = (query: string, extra: Record<string, string> = {}) => {
  expect(problems(query, extra)).toEqual([]);
  return parseSinkConfig(configOf(query, extra)).connection;
};

describe('sslmode', () => {
  test('is plain text only with sslmode=disable, or without sslmode', () => {
    expect(connectionOf('').tls).toBeNull();
    expect(connectionOf('?sslmode=disable').tls).toBe('disable');
  });

  test.each(['require', 'verify-full', 'VERIFY-FULL'])('%s is TLS', (mode) => {
    expect(connectionOf(`?sslmode=${mode}`).tls).toMatchObject({ sslmode: mode.toLowerCase() });
  });

  test.each([
    ['sslmode=prefer', /sslmode=prefer, which falls back to plain text/],
    ['sslmode=allow', /sslmode=allow, which falls back to plain text/],
    ['sslmode=verify', /sslmode=verify, which must be disable, require/],
    ['sslmode=verify-ca', /verify-ca needs sslrootcert/],
    [`sslrootcert=${key}`, /sslrootcert needs sslmode.*could be plain text/],
    [`sslcert=${key}&sslkey=${key}`, /sslcert needs sslmode.*could be plain text/],
    [`sslmode=disable&sslkey=${key}`, /sslkey needs sslmode.*is plain text/],
    [`sslmode=require&sslcert=${key}`, /sslcert and sslkey must be given together/],
    [
      'sslmode=verify-full&sslrootcert=/no/such.pem',
      /sslrootcert names the file '\/no\/such.pem', .*\(ENOENT\)/,
    ],
    [`sslmode=verify-full&sslrootcert=${folder}`, /sslrootcert names the file .*\(EISDIR\)/],
    [`sslmode=verify-full&sslrootcert=${noPem}`, /store.p12' is not a certificate/],
  ])('?%s is refused in one sentence', (query, sentence) => {
    const found = problems(`?${query}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(sentence);
    expect(found[0]).toMatch(/^connection.url /);
  });
});

test('a URL that is a reference is checked when it is resolved', () => {
  expect(problems('', { 'connection.url': '${env:SINK_URL}' })).toEqual([]);
});

describe('the login', () => {
  test('may be in the URL, beside it, or both where they agree', () => {
    const login = { user: 'u', password: 'pass' };
    expect(connectionOf('')).toMatchObject(login);
    expect(connectionOf('?user=u&password=pass')).toMatchObject(login);
    const { 'connection.username': _, 'connection.password': __, ...bare } = configOf('?user=v&password=w+x');
    expect(validateSinkConfig(bare)).toEqual([]);
    expect(parseSinkConfig(bare).connection).toMatchObject({ user: 'v', password: 'w x' });
  });

  test('is needed somewhere', () => {
    const { 'connection.username': _, ...bare } = configOf('');
    expect(validateSinkConfig(bare)).toMatchObject([{ key: 'connection.username' }]);
  });

  test('given twice and differently is refused, and no password is repeated', () => {
    const [user, password, ...more] = problems('?user=other&password=hunter2');
    expect(user).toMatch(/user, which differs from connection.username/);
    expect(password).toMatch(/password, which differs from connection.password/);
    expect(`${user} ${password} ${more}`).not.toMatch(/hunter2|pass\b/);
  });
});

test('ApplicationName and currentSchema are taken', () => {
  expect(connectionOf('?ApplicationName=my+app&currentSchema=%22My+Schema%22,other')).toMatchObject({
    applicationName: 'my app',
    schemas: ['My Schema', 'other'],
  });
  expect(problems('?currentSchema=a,,b')[0]).toMatch(/currentSchema that is not a list of schemas/);
});

test.each([
  ['shop', ['shop']],
  ['Shop , public', ['shop', 'public']],
  ['"Shop","a,b","say ""hi"""', ['Shop', 'a,b', 'say "hi"']],
  ['été_1$', ['été_1$']],
])('search_path %s is read as PostgreSQL does', (text, names) => {
  expect(readSearchPath(text).names).toEqual(names);
});

test.each(['', ',', 'a,', 'a b', '"a', '1a', '"$user",public', '$user', 'x'.repeat(64), '""'])(
  'search_path %j is refused',
  (text) => {
    expect(readSearchPath(text).problem).toEqual(expect.any(String));
  },
);
