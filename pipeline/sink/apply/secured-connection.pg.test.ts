import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { securedForTests } from '../../../harness/lab/external/testing/secured-for-tests.ts';
import { PASSWORD, startPostgres } from '../../../harness/lab/external/testing/secured-servers.ts';
import { messageOf } from '../../contract/errors.ts';
import { parseSinkConfig, validateSinkConfig } from '../config/sink-config.ts';
import { testContext } from '../testing/test-context.ts';
import { ensureBookkeeping } from './bookkeeping.ts';
import { explain, toWaitFor } from './db-errors.ts';
import { connectPool, withClient } from './pool.ts';

const secured = securedForTests(startPostgres);

type Query = Readonly<Record<string, string>>;

async function withPool<T>(query: Query, work: (pool: pg.Pool, schema: string) => Promise<T>, host: string) {
  const given = { user: 'tls_only', ...(query.user === undefined ? { password: PASSWORD } : {}), ...query };
  const search = new URLSearchParams(given);
  const config = {
    topics: 't',
    'connection.url': `jdbc:postgresql://${host}:${secured.server.port}/postgres?${search}`,
  };
  const problems = validateSinkConfig(config);
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('; '));
  const parsed = parseSinkConfig(config);
  const pool = connectPool(parsed, 'c', testContext('c', []).log);
  try {
    return await work(pool, parsed.connection.schemas[0]);
  } finally {
    await pool.end();
  }
}

/** How each of two of the pool's connections is encrypted, as the server has it; else what it fails with. */
async function outcome(query: Query, host = '127.0.0.1'): Promise<string> {
  const sql = 'SELECT ssl, version, pid FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
  try {
    return await withPool(
      query,
      (pool) =>
        withClient(pool, (one) =>
          withClient(pool, async (other) => {
            const rows = (await Promise.all([one.query(sql), other.query(sql)])).flatMap(({ rows }) => rows);
            expect(new Set(rows.map(({ pid }) => pid)).size).toBe(2);
            return rows.every(({ ssl }) => ssl === true) ? `encrypted by ${rows[0].version}` : 'plain text';
          }),
        ),
      host,
    );
  } catch (error) {
    expect(toWaitFor('database', error)).toBeNull();
    return messageOf(explain(error));
  }
}

const ENCRYPTED = 'encrypted by TLSv1.3';

test('verify-full with the right authority is encrypted on every connection', async () => {
  expect(await outcome({ sslmode: 'verify-full', sslrootcert: secured.certificates.ca })).toBe(ENCRYPTED);
});

test('an authority in DER is taken, too', async () => {
  const der = join(secured.dir, 'ca.der');
  execFileSync('openssl', ['x509', '-in', secured.certificates.ca, '-outform', 'DER', '-out', der]);
  expect(await outcome({ sslmode: 'verify-full', sslrootcert: der })).toBe(ENCRYPTED);
});

test('another authority is refused, and so is none', async () => {
  const refused = /cannot be reached: its certificate is not signed by a known authority/;
  const other = { sslrootcert: secured.certificates.otherCa };
  expect(await outcome({ sslmode: 'verify-full', ...other })).toMatch(refused);
  expect(await outcome({ sslmode: 'verify-ca', ...other })).toMatch(refused);
  expect(await outcome({ sslmode: 'require', ...other })).toMatch(refused);
  expect(await outcome({ sslmode: 'verify-full' })).toMatch(refused);
});

test('a name that the certificate does not carry is refused by verify-full, and accepted by verify-ca', async () => {
  const files = { sslrootcert: secured.certificates.ca };
  expect(await outcome({ sslmode: 'verify-full', ...files }, 'localhost')).toMatch(/is for another name/);
  expect(await outcome({ sslmode: 'verify-ca', ...files }, 'localhost')).toBe(ENCRYPTED);
});

test('require encrypts without a look at the certificate', async () => {
  expect(await outcome({ sslmode: 'require' })).toBe(ENCRYPTED);
});

test('a client is known by its certificate, with its key in PEM or in PKCS-8', async () => {
  const der = join(secured.dir, 'client.pk8');
  const { cert, key } = secured.certificates.client;
  execFileSync('openssl', ['pkcs8', '-topk8', '-nocrypt', '-in', key, '-outform', 'DER', '-out', der]);
  const own = { user: 'lab', sslmode: 'verify-full', sslrootcert: secured.certificates.ca, sslcert: cert };
  expect(await outcome({ ...own, sslkey: key })).toBe(ENCRYPTED);
  expect(await outcome({ ...own, sslkey: der })).toBe(ENCRYPTED);
});

test('a key that is of no use is refused before any connection', async () => {
  const { cert, key } = secured.certificates.client;
  const encrypted = join(secured.dir, 'encrypted.pem');
  execFileSync('openssl', ['pkcs8', '-topk8', '-in', key, '-passout', 'pass:x', '-out', encrypted]);
  const own = { user: 'lab', sslmode: 'require', sslcert: cert };
  expect(await outcome({ ...own, sslkey: secured.certificates.stranger.key })).toMatch(
    /is not the key of sslcert/,
  );
  expect(await outcome({ ...own, sslkey: encrypted })).toMatch(
    /is encrypted, and a passphrase is not supported/,
  );
  expect(await outcome({ ...own, sslkey: secured.certificates.ca })).toMatch(
    /neither a key in PEM nor PKCS-8/,
  );
  expect(await outcome({ ...own, sslkey: '/no/such.pem' })).toMatch(/'\/no\/such.pem', which cannot be read/);
});

test('plain text to a role that must use TLS is refused by the server', async () => {
  expect(await outcome({ sslmode: 'disable' })).toMatch(/refuses the login.*no encryption/);
});

test('ApplicationName and currentSchema are in force', async () => {
  const schemas = 'my \\"" schema';
  const query = {
    ...{ user: 'postgres', password: 'secret', sslmode: 'require', ApplicationName: 'shop copy' },
    currentSchema: `"${schemas}", Public`,
  };
  await withPool(
    query,
    async (pool, schema) => {
      await withClient(pool, async (client) => {
        await expect(ensureBookkeeping(client, schema)).rejects.toThrow(/no schema "my \\" schema"/);
        await client.query('CREATE SCHEMA "my \\"" schema"');
        await ensureBookkeeping(client, schema);
        const sql = `SELECT current_setting('application_name') AS name, current_schemas(false)::text[] AS path,
          (SELECT schemaname FROM pg_tables WHERE tablename = '_cdc_offsets') AS tables_in`;
        const own = 'my \\" schema';
        expect((await client.query(sql)).rows).toEqual([
          { name: 'shop copy', path: [own, 'public'], tables_in: own },
        ]);
      });
    },
    '127.0.0.1',
  );
});

test('a server without TLS is never spoken to in plain text', async () => {
  await secured.server.withoutTls();
  const plain = { user: 'postgres', password: 'secret' };
  await expect
    .poll(() => outcome({ ...plain, sslmode: 'require' }), { timeout: 20_000 })
    .toMatch(/does not speak TLS/);
  expect(await outcome({ ...plain, sslmode: 'verify-full', sslrootcert: secured.certificates.ca })).toMatch(
    /does not speak TLS/,
  );
  expect(await outcome(plain)).toBe('plain text');
});
