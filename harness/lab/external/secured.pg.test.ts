import { beforeAll, expect, test } from 'vitest';
import { Database } from '../../../verifier/connection/postgres.ts';
import { poll } from '../../wait.ts';
import type { ExternalConfigInput } from './target-config.ts';
import { postgresUrl } from './target-config.ts';
import { parseExternalConfig } from './target-config-file.ts';
import { securedForTests } from './testing/secured-for-tests.ts';
import { PASSWORD, startPostgres } from './testing/secured-servers.ts';

const secured = securedForTests(startPostgres);

beforeAll(() => {
  process.env.SECURED_TEST_PASSWORD = PASSWORD;
  process.env.SECURED_TEST_WRONG = 'wrong';
});

type Given = Partial<ExternalConfigInput['sink']>;

function urlOf(given: Given): string {
  const login = { user: 'tls_only', password: '${env:SECURED_TEST_PASSWORD}' };
  const at = { host: '127.0.0.1', port: secured.server.port, database: 'postgres' };
  const sink = { ...at, ...login, sslrootcert: secured.certificates.ca, ...given };
  const rest = {
    source: { ...at, user: 'none', slot: 's', publication: 'p' },
    ...{ kafka: { bootstrapServers: ['127.0.0.1:1'] }, connect: { url: 'http://127.0.0.1:1' } },
    ...{ connectors: { source: { name: 'a' }, sink: { name: 'b' } }, topicPrefix: 't' },
  };
  return postgresUrl(parseExternalConfig({ ...rest, sink }, `${secured.dir}/config.json`).sink);
}

/** How the server says that the connection is encrypted; otherwise the sentence and the remedy of the refusal. */
async function outcome(given: Given = {}): Promise<string> {
  try {
    await using database = await Database.connect('sink', urlOf(given), 10_000);
    const row = await database.one('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    return row.ssl === 't' ? `encrypted by ${row.version}` : 'plain text';
  } catch (error) {
    return error instanceof Error && 'remedy' in error ? `${error.message} ${error.remedy}` : String(error);
  }
}

const ENCRYPTED = 'encrypted by TLSv1.3';

test('verify-full with the right authority is encrypted', async () => {
  expect(await outcome()).toBe(ENCRYPTED);
});

test('a wrong password is refused', async () => {
  const said = await outcome({ password: '${env:SECURED_TEST_WRONG}' });
  expect(said).toMatch(/password authentication failed for user "tls_only".*Correct user and password/);
});

test('a password that is missing is named by its variable', async () => {
  const said = await outcome({ password: '${env:SECURED_TEST_UNSET}' });
  expect(said).toMatch(
    /needs the environment variable SECURED_TEST_UNSET, which is not set.*Set SECURED_TEST_UNSET/,
  );
});

test('a certificate of another authority is refused, and so is one without a given authority', async () => {
  const other = await outcome({ sslrootcert: secured.certificates.otherCa });
  expect(other).toMatch(/not signed by a known authority.*Configure the file of the authority/);
  expect(await outcome({ sslrootcert: null })).toMatch(/not signed by a known authority/);
});

test('a name that the certificate does not carry is refused by verify-full, and not checked by verify-ca', async () => {
  expect(await outcome({ host: 'localhost' })).toMatch(/its certificate is for another name .*localhost/);
  expect(await outcome({ host: 'localhost', sslmode: 'verify-ca' })).toBe(ENCRYPTED);
});

test('require encrypts without checking the certificate; with an authority it means verify-ca, as in libpq', async () => {
  expect(await outcome({ sslmode: 'require', sslrootcert: null })).toBe(ENCRYPTED);
  const said = await outcome({ sslmode: 'require', sslrootcert: secured.certificates.otherCa });
  expect(said).toMatch(/not signed by a known authority/);
});

test('the server refuses plain text to a role that needs TLS', async () => {
  const said = await outcome({ sslmode: 'disable', sslrootcert: null });
  expect(said).toMatch(/no encryption.*The server requires TLS: set sslmode=verify-full/);
});

test('a client is identified by its certificate, and a stranger is refused', async () => {
  const login = { user: 'lab', password: null };
  const own = { sslcert: secured.certificates.client.cert, sslkey: secured.certificates.client.key };
  expect(await outcome({ ...login, ...own })).toBe(ENCRYPTED);
  const stranger = { sslcert: secured.certificates.stranger.cert, sslkey: secured.certificates.stranger.key };
  expect(await outcome({ ...login, ...stranger })).toMatch(/does not accept the client's certificate/);
  expect(await outcome(login)).toMatch(
    /certificate authentication failed|requires a valid client certificate/,
  );
});

test('an expired certificate is refused', async () => {
  await secured.server.useCertificate(secured.certificates.expired);
  // The server reloads its files a little later.
  const said = await poll(
    async () => {
      const now = await outcome();
      return now === ENCRYPTED ? undefined : now;
    },
    { withinMs: 20_000, everyMs: 10, maxEveryMs: 200 },
  );
  expect(said).toMatch(/its certificate has expired.*Renew the server’s certificate/);
});

test('a server without TLS is refused', async () => {
  await secured.server.withoutTls();
  const said = await poll(
    async () => {
      const now = await outcome();
      return now.includes('has expired') ? undefined : now;
    },
    { withinMs: 20_000, everyMs: 10, maxEveryMs: 200 },
  );
  expect(said).toMatch(/it does not speak TLS.*the lab does not fall back to plain text/);
});
