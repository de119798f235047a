import { expect, test, vi } from 'vitest';
import { databasePair } from '../../../verifier/testing/databases.ts';
import { misnamedIn } from './look-at-target.ts';
import { parseExternalConfig } from './target-config-file.ts';

test('names in the configuration that nothing has are listed with their key and the nearest name', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE orders (id int PRIMARY KEY, amount int)');
  const sideOf = (text: string, variable: string) => {
    const { hostname, port, pathname, username, password } = new URL(text);
    vi.stubEnv(variable, decodeURIComponent(password) || 'none');
    const login = { user: username, password: `\${env:${variable}}` };
    return { host: hostname, port: Number(port), database: pathname.slice(1), sslmode: 'disable', ...login };
  };
  const config = (own: object) =>
    parseExternalConfig(
      {
        source: { ...sideOf(pair.sourceUrl, 'MISNAMED_SOURCE'), slot: 's', publication: 'p' },
        sink: sideOf(pair.sinkUrl, 'MISNAMED_SINK'),
        kafka: { bootstrapServers: ['127.0.0.1:1'] },
        connect: { url: 'http://127.0.0.1:1' },
        connectors: { source: { name: 'shop' }, sink: { name: 'shop' } },
        topicPrefix: 't',
        ...own,
      },
      '/nowhere/cdc-lab.config.json',
    );
  expect(await misnamedIn(config({}))).toEqual([]);
  const slips = {
    tables: ['public.ordrs'],
    excludeTables: ['public.debezium_signal'],
    columnMap: { 'public.orders': { amout: 'amount' } },
  };
  expect(await misnamedIn(config(slips))).toEqual([
    'tables names public.ordrs, which the source does not have: did you mean public.orders?',
    'columnMap names column amout of public.orders, which the source does not have: did you mean amount?',
  ]);
});
