import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { loadConnector } from '../../../../fixtures/connectors/load.ts';
import { applySchema } from '../../../../fixtures/schema/schema.ts';
import { seedRows } from '../../../../fixtures/schema/seed.ts';
import { ConnectClient } from '../../../connect/connect-client.ts';
import type { TemporaryLab } from '../../process/testing/temporary-lab.ts';
import { ownProcess } from '../../services/own-process.ts';
import { freePorts } from '../../services/ports.ts';
import type { ExternalConfigInput } from '../target-config.ts';
import type { Certificates } from './certificates.ts';
import {
  certificatesIn,
  foreignLab,
  PASSWORD,
  type SecuredKafka,
  startKafka,
  startPostgres,
} from './secured-servers.ts';

/** The password that the proxy before the REST API asks for. */
export const CONNECT_PASSWORD = 'for the REST API';
const SUPERUSER_PASSWORD = 'secret';

/** A pipeline as other people would run it: TLS and logins everywhere, and none of it in the lab's folder. */
export interface Target extends AsyncDisposable {
  readonly dir: string;
  readonly certificates: Certificates;
  readonly kafka: SecuredKafka;
  /** As its owner would write it; the passwords are in {@link env}. */
  readonly config: ExternalConfigInput;
  readonly env: Readonly<Record<string, string>>;
  onSource(sql: string): Promise<Record<string, unknown>[]>;
}

export async function startTarget(): Promise<Target> {
  await using started = new AsyncDisposableStack();
  const lab = started.use(foreignLab());
  const certificates = await certificatesIn(lab);
  const [source, sink, kafka] = await Promise.all([
    startPostgres(lab, certificates, 'pg-source'),
    startPostgres(lab, certificates, 'pg-sink'),
    startKafka(lab, certificates),
  ]);
  await query(sink.port, 'postgres', (client) => client.query('CREATE DATABASE copy'));
  await query(source.port, 'postgres', (client) => client.query('CREATE DATABASE shop'));
  await query(source.port, 'shop', async (client) => {
    await applySchema(client);
    await seedRows(client, 100, 7);
  });
  const worker = await startWorker(lab, kafka.plain);
  await startPipeline(worker, { source: source.port, sink: sink.port });
  const proxy = await withLogin(worker, certificates);
  started.defer(() => {
    proxy.server.close();
    proxy.server.closeAllConnections();
  });
  const stop = started.move();
  const login = { user: 'postgres', password: '${env:TARGET_PASSWORD}', sslrootcert: certificates.ca };
  return {
    dir: lab.dir,
    certificates,
    kafka,
    config: {
      source: {
        host: '127.0.0.1',
        port: source.port,
        database: 'shop',
        slot: 'shop',
        publication: 'shop',
        ...login,
      },
      sink: { host: '127.0.0.1', port: sink.port, database: 'copy', ...login },
      kafka: {
        bootstrapServers: [kafka.secure],
        tls: { ca: certificates.ca },
        sasl: { mechanism: 'SCRAM-SHA-512', username: 'alice', password: '${env:TARGET_KAFKA}' },
      },
      connect: { url: proxy.url, username: 'lab', password: '${env:TARGET_CONNECT}', ca: certificates.ca },
      connectors: { source: { name: 'shop-source' }, sink: { name: 'shop-sink' } },
      topicPrefix: 'shop',
    },
    env: {
      TARGET_PASSWORD: SUPERUSER_PASSWORD,
      TARGET_KAFKA: PASSWORD,
      TARGET_CONNECT: CONNECT_PASSWORD,
    },
    onSource: (sql) => query(source.port, 'shop', async (client) => (await client.query(sql)).rows),
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

/** One worker for both connectors, as a Connect cluster of one. */
async function startWorker(lab: TemporaryLab, bootstrapServers: string): Promise<string> {
  const [port = 0] = await freePorts(1);
  const stateDir = join(lab.dir, 'worker');
  mkdirSync(stateDir);
  const config = join(lab.dir, 'worker.json');
  const settings = { workerId: 'w', host: '127.0.0.1', port, bootstrapServers: [bootstrapServers], stateDir };
  writeFileSync(config, JSON.stringify({ ...settings, offsetsTopic: 'connect-offsets' }));
  await lab.runtime.launch({
    name: 'worker',
    kind: 'worker',
    ...ownProcess('pipeline/worker/main.ts', ['--config', config, '--crash-points']),
    port,
    log: join(lab.dir, 'worker.log'),
    probe: { tag: 'http', port, path: '/', anyStatus: false },
    readyTimeoutMs: 60_000,
    stopSignals: [{ signal: 'SIGTERM', waitMs: 10_000 }],
  });
  return `http://127.0.0.1:${port}`;
}

async function startPipeline(worker: string, ports: { source: number; sink: number }): Promise<void> {
  const values = {
    ...{ instance: 'shop', prefix: 'shop', slot: 'shop', publication: 'shop' },
    ...{ sourceHost: '127.0.0.1', sourcePort: ports.source, sourceDatabase: 'shop' },
    ...{ sinkHost: '127.0.0.1', sinkPort: ports.sink, sinkDatabase: 'copy' },
  };
  const client = new ConnectClient({ baseUrl: worker, timeoutMs: 20_000 });
  for (const file of ['source', 'sink']) {
    const { name, config } = await loadConnector(file, values);
    await client.configure(name, config);
    await client.waitForState(name, 'RUNNING', { deadlineMs: 60_000 });
  }
}

/** A proxy with HTTPS and basic authentication before a worker that has neither. */
async function withLogin(worker: string, { server }: Certificates): Promise<{ url: string; server: Server }> {
  const wanted = `Basic ${Buffer.from(`lab:${CONNECT_PASSWORD}`).toString('base64')}`;
  const keys = { cert: readFileSync(server.cert), key: readFileSync(server.key) };
  const proxy = createServer(keys, (incoming, answer) => {
    const { method = 'GET', url = '/', headers } = incoming;
    if (headers.authorization !== wanted) {
      answer.writeHead(401, { 'content-type': 'application/json' });
      return answer.end(JSON.stringify({ error_code: 401, message: 'who are you?' }));
    }
    const { host: _, ...own } = headers;
    const forwarded = request(`${worker}${url}`, { method, headers: own }, (response) => {
      answer.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(answer);
    });
    forwarded.on('error', () => answer.destroy());
    return incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return { server: proxy, url: `https://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
}

async function query<T>(port: number, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    database,
    user: 'postgres',
    password: SUPERUSER_PASSWORD,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
