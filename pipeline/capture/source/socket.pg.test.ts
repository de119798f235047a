import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { ownPostgres } from '../../../fixtures/testing/postgres-server.ts';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import { parseConfig } from '../config/source-config.ts';
import { CONNECTOR_CLASS } from '../config/source-keys.ts';
import { validateConfig } from '../config/validate-config.ts';
import { connect, disconnect } from './connection.ts';

// A separate server, which takes a while to start on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

test('the source is reached by the folder of its Unix socket, for SQL and for replication', async () => {
  const folder = makeTestFolder();
  // The server runs as another user.
  await execa('chmod', ['777', folder]);
  await using server = await ownPostgres(undefined, { settings: `unix_socket_directories = '${folder}'\n` });
  const { port, password } = new URL(server.url);
  const config = {
    'connector.class': CONNECTOR_CLASS,
    'database.hostname': folder,
    'database.port': port,
    'database.user': 'postgres',
    'database.password': password,
    'database.dbname': 'postgres',
    'topic.prefix': 'p',
  };
  expect(validateConfig(config)).toEqual([]);
  for (const [kind, statement] of [
    ['sql', 'SELECT pg_catalog.inet_server_addr() AS at'],
    ['replication', 'SHOW unix_socket_directories'],
  ] as const) {
    const client = await connect(parseConfig(config), kind, 'test');
    try {
      const { rows } = await client.query<Record<string, string | null>>(statement);
      expect(Object.values(rows[0] ?? {})).toEqual([kind === 'sql' ? null : folder]);
    } finally {
      await disconnect(client);
    }
  }
});
