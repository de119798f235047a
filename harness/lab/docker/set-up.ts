import pg from 'pg';
import { loadConnector } from '../../../fixtures/connectors/load.ts';
import { applySchema } from '../../../fixtures/schema/schema.ts';
import { seedRows } from '../../../fixtures/schema/seed.ts';
import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import { ConnectClient } from '../../connect/client.ts';

/**
 * What `docker compose up` runs once, inside the network: schema and first rows at the source, both connectors
 * registered and running. Running it again changes nothing that is as it should be.
 */
const INSTANCE = 'lab';
const RUNNING_TIMEOUT_MS = 90_000;

const VALUES = {
  instance: INSTANCE,
  sourceHost: 'pg-source',
  sourcePort: 5432,
  sourceDatabase: INSTANCE,
  sinkHost: 'pg-sink',
  sinkPort: 5432,
  sinkDatabase: INSTANCE,
  prefix: INSTANCE,
  slot: `cdc_${INSTANCE}`,
  publication: `cdc_${INSTANCE}`,
};

function setting(name: string, otherwise: string): string {
  const value = process.env[name] ?? '';
  return value === '' ? otherwise : value;
}

/** In one transaction: who is killed half way leaves nothing. */
async function loadSource(): Promise<string> {
  const { sourceHost: host, sourcePort: port, sourceDatabase: database } = VALUES;
  const client = new pg.Client({ host, port, user: 'postgres', database });
  await client.connect();
  try {
    await client.query('BEGIN');
    await applySchema(client);
    const { rows } = await client.query('SELECT 1 FROM customers LIMIT 1');
    const wanted = Number(setting('CDC_LAB_ROWS', '1000'));
    const empty = rows.length === 0;
    if (empty) await seedRows(client, wanted, Number(setting('CDC_LAB_SEED', '42')));
    await client.query('COMMIT');
    return empty ? `schema is there, ${wanted} rows a table` : 'schema and rows are there';
  } finally {
    await client.end();
  }
}

async function register(url: string, file: string): Promise<string> {
  const { name, config } = await loadConnector(file, VALUES);
  const client = new ConnectClient({ baseUrl: url, timeoutMs: 30_000 });
  await client.configure(name, config);
  await client.waitForState(name, 'RUNNING', { deadlineMs: RUNNING_TIMEOUT_MS });
  return `connector ${name} runs at ${url}`;
}

try {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  say(await loadSource());
  const source = setting('CDC_LAB_SOURCE_CONNECTOR', 'source');
  say(await register(setting('CDC_LAB_SOURCE_URL', 'http://capture:8083'), source));
  // After the capture: it makes the topics.
  const sink = setting('CDC_LAB_SINK_CONNECTOR', 'sink');
  say(await register(setting('CDC_LAB_SINK_URL', 'http://sink:8083'), sink));
} catch (error) {
  const remedy = error instanceof LabError ? ` ${error.remedy}` : '';
  process.stderr.write(`setup: ${messageOf(error)}${remedy}\n`);
  process.exitCode = 1;
}
