import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { lookAtTarget } from './look-at-target.ts';
import { parseExternalConfig } from './target-config-file.ts';

/** A Connect cluster with one connector, `shop`, with this configuration. */
async function connectWith(config: Readonly<Record<string, string>>) {
  const server = createServer((request, response) => {
    const status = {
      name: 'shop',
      type: 'source',
      connector: { state: 'RUNNING', worker_id: 'w' },
      tasks: [],
    };
    const answers: Record<string, object> = {
      '/': { version: '4.3.1', commit: 'c', kafka_cluster_id: 'k' },
      '/connectors/shop/status': status,
      '/connectors/shop/config': config,
    };
    const answer = answers[request.url ?? ''];
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { error_code: 404, message: `no ${request.url}` }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What the look reports of Connect, for a target of which nothing else answers. */
async function said(url: string, sink: string): Promise<string> {
  const nowhere = { host: '127.0.0.1', port: 1, database: 'd', user: 'u', sslmode: 'disable' };
  const config = parseExternalConfig(
    {
      source: { ...nowhere, slot: 's', publication: 'p' },
      sink: nowhere,
      kafka: { bootstrapServers: ['127.0.0.1:1'] },
      connect: { url },
      connectors: { source: { name: 'shop' }, sink: { name: sink } },
      topicPrefix: 't',
    },
    '/nowhere/cdc-lab.config.json',
  );
  const looks = await lookAtTarget(config);
  expect(looks.map(({ name }) => name)).toEqual(['pg-source', 'pg-sink', 'kafka', 'connect']);
  expect(looks.slice(0, 3).every(({ answers, failure }) => !answers && failure !== null)).toBe(true);
  return looks.at(-1)?.said ?? '';
}

test('the connectors are looked up by their names', async () => {
  await using connect = await connectWith({
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
  });
  expect(await said(connect.url, 'shop')).toBe('Connect 4.3.1: shop RUNNING, shop RUNNING');
  expect(await said(connect.url, 'shop-snik')).toMatch(
    /refuses GET \/connectors\/shop-snik\/status with 404/,
  );
});

test('a converter whose records the verifier cannot read is refused by name', async () => {
  await using connect = await connectWith({ 'value.converter': 'io.confluent.connect.avro.AvroConverter' });
  expect(await said(connect.url, 'shop')).toContain('the converter io.confluent.connect.avro.AvroConverter');
});
