import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import { withIds } from '../../../verifier/config.ts';
import { Database } from '../../../verifier/connection/postgres.ts';
import { withSecrets } from '../../../verifier/connection/secret.ts';
import { createsTables } from '../../../verifier/observe/connect-rest.ts';
import {
  KEYS,
  misnamedAtSink,
  misnamedAtSource,
  misnamedTables,
  readNames,
} from '../../../verifier/observe/misnamed.ts';
import { sharedCopies } from '../../../verifier/observe/shared-copies.ts';
import { KafkaView } from '../../../verifier/observe/topic/kafka-view.ts';
import { ConnectClient, type ConnectClientOptions } from '../../connect/connect-client.ts';
import type { Look } from './external-runtime.ts';
import { connectOf, type ExternalConfig, type HttpService, postgresUrl } from './target-config.ts';

const QUICK_MS = 10_000;

export interface TargetLook extends Look {
  /** Null if it answered. */
  readonly failure: LabError | null;
}

/** Looks at everything in the configuration, concurrently. Writes nothing. */
export async function lookAtTarget(config: ExternalConfig): Promise<TargetLook[]> {
  const { source, sink, kafka } = config;
  const roles = ['source', 'sink'] as const;
  const clusters = Map.groupBy(roles, (role) => connectOf(config, role).url);
  return Promise.all([
    look('pg-source', 'postgres', `${source.host}:${source.port}`, () =>
      versionOf('source', postgresUrl(source)),
    ),
    look('pg-sink', 'postgres', `${sink.host}:${sink.port}`, () => versionOf('sink', postgresUrl(sink))),
    look('kafka', 'kafka', kafka.bootstrapServers.join(','), async () => {
      await using view = await KafkaView.connect(kafka);
      return `a cluster of ${await view.brokers()}`;
    }),
    ...[...clusters].map(([url, hosted], index) =>
      look(clusters.size === 1 ? 'connect' : `connect-${index + 1}`, 'worker', url, () =>
        lookAtConnect(config, hosted),
      ),
    ),
  ]);
}

/**
 * One sentence for each name in `tables`, `excludeTables`, `tableMap` and `columnMap` that is on neither side where it
 * should be, and for tables that share a copy. A copy that the sink connector would create with its first row may still be missing.
 */
export async function misnamedIn(config: ExternalConfig): Promise<string[]> {
  await using databases = new AsyncDisposableStack();
  const namesOf = async (side: 'source' | 'sink') =>
    readNames(databases.use(await Database.connect(side, postgresUrl(config[side]), QUICK_MS)));
  const [source, sink] = [await namesOf('source'), await namesOf('sink')];
  const naming = { ...withIds(config), sink: { schema: config.sink.schema, sameSchemas: false } };
  const shared = [...new Set(sharedCopies(naming, source.tables).values())].map((why) => `${why}.`);
  const misnamed = [...misnamedTables(naming, source, KEYS), ...misnamedAtSource(naming, source, KEYS)];
  const ours = [...misnamed, ...shared];
  const theirs = misnamedAtSink(naming, { source, sink }, KEYS);
  if (theirs.length === 0 || (await isLazy(config))) return ours;
  return [...ours, ...theirs];
}

async function isLazy(config: ExternalConfig): Promise<boolean> {
  const client = new ConnectClient(connectOptions(connectOf(config, 'sink')));
  const own = await client.config(config.connectors.sink.name).catch(() => null);
  return own === null || createsTables(own);
}

/** The connectors must exist under their names, and write what the verifier can read. */
async function lookAtConnect(config: ExternalConfig, roles: readonly ('source' | 'sink')[]): Promise<string> {
  const [first = 'source'] = roles;
  const client = new ConnectClient(connectOptions(connectOf(config, first)));
  const { version } = await client.root();
  const seen: string[] = [];
  for (const role of roles) {
    const { name } = config.connectors[role];
    const { connector } = await client.status(name);
    const { 'value.converter': converter = '' } = await client.config(name);
    if (/avro|protobuf/i.test(converter)) {
      throw new LabError(
        'CDC-5403',
        `Connector ${name} has the converter ${converter}: the verifier reads only JSON.`,
        {
          remedy: 'cdc-lab verify --source URL --sink URL compares the databases without the topics.',
        },
      );
    }
    seen.push(`${name} ${connector.state}`);
  }
  return `Connect ${version}: ${seen.join(', ')}`;
}

/** @throws the first failure, if something did not answer. */
export function mustAnswer(looks: readonly TargetLook[]): void {
  const failure = looks.find((one) => one.failure !== null)?.failure;
  if (failure) throw failure;
}

/** What a client of that REST API needs. */
export function connectOptions({ url, username, password, ca }: HttpService): ConnectClientOptions {
  const login =
    username === null || password === null
      ? {}
      : { basicAuth: { username, password: withSecrets(password, 'connect.password') } };
  return { baseUrl: url, ca, ...login };
}

async function versionOf(side: 'source' | 'sink', url: string): Promise<string> {
  await using database = await Database.connect(side, url, QUICK_MS);
  const row = await database.one(
    `SELECT current_setting('server_version') AS version, coalesce((SELECT version FROM pg_stat_ssl
        WHERE pid = pg_backend_pid() AND ssl), 'plain text') AS tls`,
  );
  return `PostgreSQL ${row.version}, ${row.tls}`;
}

async function look(
  name: string,
  kind: Look['kind'],
  address: string,
  ask: () => Promise<string>,
): Promise<TargetLook> {
  try {
    return { name, kind, address, said: await ask(), answers: true, failure: null };
  } catch (error) {
    const failure =
      error instanceof LabError
        ? error
        : new LabError(
            'CDC-5401',
            `${name} at ${address} does not answer as expected: ${messageOf(error)}.`,
            {
              remedy: 'Check whether it runs, and what its log says.',
              cause: error,
            },
          );
    return { name, kind, address, said: failure.message, answers: false, failure };
  }
}
