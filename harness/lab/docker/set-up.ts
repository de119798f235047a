import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { loadConnector } from '../../../fixtures/connectors/load.ts';
import { withDatabase } from '../../../fixtures/database.ts';
import { applySchema } from '../../../fixtures/schema/schema.ts';
import { seedRows } from '../../../fixtures/schema/seed.ts';
import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import { accept } from '../../../pipeline/contract/mistake.ts';
import { ConnectClient } from '../../connect/connect-client.ts';
import { ConnectRefused } from '../../connect/connect-errors.ts';
import { type EnginePair, engineOf, SINK_ENGINES, SOURCE_ENGINES } from '../engines.ts';
import { waitForTopics } from '../instance/instance-topics.ts';

/**
 * `docker compose up` runs this once, inside the network: it loads the schema and first rows into the source,
 * registers both connectors and waits until they run. Idempotent.
 */
const INSTANCE = 'lab';
const RUNNING_TIMEOUT_MS = 120_000;
/** Environment variables of the container. */
const settingsSchema = z.object({
  CDC_LAB_SOURCE: z.enum(SOURCE_ENGINES),
  CDC_LAB_SINK: z.enum(SINK_ENGINES),
  CDC_LAB_ROWS: z.int().nonnegative(),
  CDC_LAB_SEED: z.int().nonnegative(),
});
/** What {@link waitForTopics} needs. */
const KAFKA = { bootstrapServers: ['kafka:9092'], services: { capture: 'capture@lab' } };

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

/** In one transaction, so that a kill half way leaves nothing behind. */
async function loadSource(
  engines: EnginePair,
  { wanted, seed }: { readonly wanted: number; readonly seed: number },
): Promise<string> {
  const { sourceHost: host, sourcePort: port, sourceDatabase: database } = VALUES;
  return await withDatabase({ host, port, user: 'postgres', database }, async (client) => {
    await client.query('BEGIN');
    await applySchema(client);
    const { rows } = await client.query('SELECT 1 FROM customers LIMIT 1');
    const empty = rows.length === 0;
    if (empty) await seedRows(client, wanted, seed);
    const wishes = (['source', 'sink'] as const).flatMap((role) => engineOf(role, engines).atSource);
    for (const statement of wishes) await client.query(statement);
    await client.query('COMMIT');
    return empty ? `schema loaded, ${wanted} rows per table` : 'schema and rows were loaded before';
  });
}

async function register(role: 'source' | 'sink', url: string, engines: EnginePair): Promise<string> {
  const { name, config } = await loadConnector(role, VALUES);
  const client = new ConnectClient({ baseUrl: url, timeoutMs: 30_000 });
  const adapted = engineOf(role, engines).adapt(config);
  if (role === 'sink') await waitForTopics(KAFKA, (adapted.topics ?? '').split(',').filter(Boolean));
  // Connect restarts a connector with every configuration it gets, even the one it has.
  const has = await unlessUnknown(client.config(name));
  if (!isDeepStrictEqual({ ...has, name }, { ...adapted, name })) await client.configure(name, adapted);
  const paused = (await unlessUnknown(client.status(name)))?.connector.state === 'PAUSED';
  if (paused) return `connector ${name} is paused and stays paused`;
  await client.waitForState(name, 'RUNNING', { deadlineMs: RUNNING_TIMEOUT_MS });
  return `connector ${name} runs at ${url}`;
}

/** Undefined if Connect does not know the connector yet. */
function unlessUnknown<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (error instanceof ConnectRefused && error.status === 404) return undefined;
    throw error;
  });
}

try {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const { CDC_LAB_SOURCE, CDC_LAB_SINK, CDC_LAB_ROWS, CDC_LAB_SEED } = accept(settingsSchema, {
    CDC_LAB_SOURCE: setting('CDC_LAB_SOURCE', 'ts'),
    CDC_LAB_SINK: setting('CDC_LAB_SINK', 'ts'),
    CDC_LAB_ROWS: Number(setting('CDC_LAB_ROWS', '1000')),
    CDC_LAB_SEED: Number(setting('CDC_LAB_SEED', '42')),
  });
  const engines = { source: CDC_LAB_SOURCE, sink: CDC_LAB_SINK };
  say(await loadSource(engines, { wanted: CDC_LAB_ROWS, seed: CDC_LAB_SEED }));
  say(await register('source', setting('CDC_LAB_SOURCE_URL', 'http://capture:8083'), engines));
  // After the capture, which creates the topics.
  say(await register('sink', setting('CDC_LAB_SINK_URL', 'http://sink:8083'), engines));
} catch (error) {
  const remedy = error instanceof LabError ? ` ${error.remedy}` : '';
  process.stderr.write(`setup: ${messageOf(error)}${remedy}\n`);
  process.exitCode = 1;
}
