import { expect, test } from 'vitest';
import { securedForTests } from '../../../harness/lab/external/testing/secured-for-tests.ts';
import { PASSWORD, startPostgres } from '../../../harness/lab/external/testing/secured-servers.ts';
import { messageOf } from '../../contract/errors.ts';
import { parseConfig } from '../config/source-config.ts';
import { CONNECTOR_CLASS } from '../config/source-keys.ts';
import { validateConfig } from '../config/validate-config.ts';
import { connect, disconnect } from './connection.ts';

const secured = securedForTests(startPostgres);

/** How the connection is encrypted, as the server has it; else what it fails with. */
async function outcome(given: Readonly<Record<string, string>>, host = '127.0.0.1'): Promise<string> {
  const keys = Object.entries(given).map(([name, value]) => [`database.${name}`, value]);
  const config = {
    'connector.class': CONNECTOR_CLASS,
    'database.hostname': host,
    'database.port': String(secured.server.port),
    'database.user': 'tls_only',
    'database.password': PASSWORD,
    'database.dbname': 'postgres',
    'topic.prefix': 'p',
    ...Object.fromEntries(keys),
  };
  expect(validateConfig(config)).toEqual([]);
  try {
    const client = await connect(parseConfig(config), 'sql', 'test');
    const { rows } = await client.query('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    await disconnect(client);
    return rows[0].ssl === 't' ? `encrypted by ${rows[0].version}` : 'plain text';
  } catch (error) {
    return messageOf(error);
  }
}

const ENCRYPTED = 'encrypted by TLSv1.3';

test('an authority is checked against in every mode that names one', async () => {
  for (const sslmode of ['require', 'verify-ca', 'verify-full']) {
    expect(await outcome({ sslmode, sslrootcert: secured.certificates.ca })).toBe(ENCRYPTED);
    expect(await outcome({ sslmode, sslrootcert: secured.certificates.otherCa })).toMatch(/certificate/);
  }
  expect(await outcome({ sslmode: 'require' })).toBe(ENCRYPTED);
  expect(await outcome({})).toBe(ENCRYPTED);
});

test('the name is checked by verify-full alone', async () => {
  const files = { sslrootcert: secured.certificates.ca };
  expect(await outcome({ sslmode: 'verify-full', ...files }, 'localhost')).toMatch(/altnames/);
  expect(await outcome({ sslmode: 'verify-ca', ...files }, 'localhost')).toBe(ENCRYPTED);
});

test('a client is known by its certificate', async () => {
  const { cert, key } = secured.certificates.client;
  expect(await outcome({ user: 'lab', sslmode: 'require', sslcert: cert, sslkey: key })).toBe(ENCRYPTED);
});
