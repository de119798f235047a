import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectClient } from '../connect/connect-client.ts';
import { startChild } from '../lab/process/child-service.ts';
import { CONNECT_CLASS_ARCHIVE, connectClassPath, prepareConnect } from '../lab/process/connect-service.ts';
import { prepareKafka } from '../lab/process/kafka-service.ts';
import { freePorts } from '../lab/services/ports.ts';
import { archiveOf, fits } from './class-archive.ts';

/** As `archive-kafka.ts`, for a Connect worker with both plug-ins, on a temporary broker. */
async function archiveClasses(dataDir: string): Promise<void> {
  const [client = 0, link = 0, linkAdvertised = 0, controller = 0, port = 0] = await freePorts(5);
  const ports = { client, link, linkAdvertised, controller };
  const kafka = await prepareKafka({ name: 'kafka', dataDir: join(dataDir, 'kafka'), log: '', ports });
  await using _broker = await startChild(kafka);
  const worker = { bootstrapServers: [`127.0.0.1:${client}`], cluster: 'archive' };
  const prepare = () =>
    prepareConnect({ name: 'connect', dataDir: join(dataDir, 'connect'), log: '', port, ...worker });
  await archiveOf(prepare, CONNECT_CLASS_ARCHIVE, connectClassPath(), () => useOnce(port));
}

/** Validates a configuration of each plug-in, which loads the plug-in. No database is needed for that. */
async function useOnce(port: number): Promise<void> {
  const client = new ConnectClient({ baseUrl: `http://127.0.0.1:${port}`, timeoutMs: 60_000 });
  const source = 'io.debezium.connector.postgresql.PostgresConnector';
  await client.validate(source, {
    'connector.class': source,
    name: 'source',
    'database.hostname': '127.0.0.1',
    'database.port': '1',
    'database.user': 'nobody',
    'database.dbname': 'nothing',
    'topic.prefix': 'archive',
    'plugin.name': 'pgoutput',
  });
  const sink = 'io.debezium.connector.jdbc.JdbcSinkConnector';
  await client.validate(sink, {
    'connector.class': sink,
    name: 'sink',
    topics: 'archive',
    'connection.url': 'jdbc:postgresql://127.0.0.1:1/nothing',
    'connection.username': 'nobody',
    'connection.password': 'none',
  });
}

if (!(await fits(CONNECT_CLASS_ARCHIVE, connectClassPath()))) {
  const dataDir = mkdtempSync(join(tmpdir(), 'cdc-lab-connect-archive-'));
  try {
    await archiveClasses(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}
