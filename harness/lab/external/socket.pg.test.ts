// A real Unix socket: by a URL, by a configuration file, and with passwords on stdin.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { connectTo } from '../../../fixtures/database.ts';
import { ownPostgres } from '../../../fixtures/testing/postgres-server.ts';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import { Database } from '../../../verifier/connection/postgres.ts';
import { PROJECT_DIR } from '../../project.ts';
import { postgresUrl } from './target-config.ts';
import { parseExternalConfig } from './target-config-file.ts';

// Processes of their own, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 300_000 });

test('a Unix socket is reached by URL and by file, and its password is used', async () => {
  const dir = makeTestFolder();
  const socketDir = makeTestFolder();
  // The server runs as another user.
  await execa('chmod', ['777', socketDir]);
  await using server = await ownPostgres(undefined, {
    settings: `unix_socket_directories = '${socketDir}'\n`,
  });
  const { port, password } = new URL(server.url);
  const at = { host: socketDir, port: Number(port), user: 'postgres', password };
  const names = ['shop', 'a?b#c'];
  await using admin = await connectTo({ ...at, database: 'postgres' });
  for (const name of names) {
    await admin.query(`CREATE DATABASE "${name}"`);
    await using client = await connectTo({ ...at, database: name });
    await client.query('CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)');
  }

  const urls = [
    `postgres:///shop?host=${socketDir}&user=postgres&port=${port}`,
    `postgres://postgres@${encodeURIComponent(socketDir)}:${port}/${encodeURIComponent('a?b#c')}?sslmode=require`,
  ];
  const [source = '', sink = ''] = urls;
  const run = (input: string) =>
    execa(
      process.execPath,
      [
        join(PROJECT_DIR, 'harness/cli/main.ts'),
        ...['verify', '--source', source, '--sink', sink, '--fence', 'none', '--password-stdin'],
      ],
      { reject: false, input, env: { NO_COLOR: '1', PGPASSWORD: undefined } },
    );
  const good = await run(`${password}\n${password}\n`);
  expect({ exitCode: good.exitCode, stderr: good.stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(good.stdout).toContain('PASS');
  const refused = await run(`${password}\nwrong\n`);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stdout + refused.stderr).toMatch(/The sink database cannot be reached: password/);

  writeFileSync(join(dir, 'password'), password);
  const side = (database: string) => ({ host: socketDir, port: Number(port), database, user: 'postgres' });
  const config = parseExternalConfig(
    {
      source: {
        ...side('shop'),
        ...{ password: `\${file:${join(dir, 'password')}}`, slot: 'shop', publication: 'shop' },
      },
      sink: { ...side('a?b#c'), password: `\${file:${join(dir, 'password')}}` },
      kafka: { bootstrapServers: ['127.0.0.1:9'] },
      connect: { url: 'http://127.0.0.1:9' },
      connectors: { source: { name: 'shop-source' }, sink: { name: 'shop-sink' } },
      topicPrefix: 'shop',
    },
    join(dir, 'cdc-lab.config.json'),
  );
  for (const [whose, { database }] of [['source', config.source] as const, ['sink', config.sink] as const]) {
    await using opened = await Database.connect(whose, postgresUrl(config[whose]), 10_000);
    expect(await opened.one('SELECT current_database() AS name, inet_server_addr()::text AS at')).toEqual({
      name: database,
      at: null,
    });
  }
});
