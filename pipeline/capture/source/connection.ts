/**
 * `pipeline/capture/source`: the capture's access to the source's PostgreSQL server.
 * In: the database keys of the configuration.
 * Out: connections, the catalogue's tables and types, the publication, the slot, and LSNs as text.
 * Promises: every connection has the same pinned settings, so that a value has one text in the stream and in a snapshot;
 * names in SQL are quoted, and a filter cannot reach beyond its parentheses.
 */

import { Client, type ClientConfig, type CustomTypesConfig } from 'pg';
import { isTlsMode } from '../../contract/postgres-tls.ts';
import type { SourceConfig } from '../config/source-config.ts';
import { tlsOptions } from '../config/source-tls.ts';

/**
 * Settings that affect the text of a value, or how a statement is read. pgoutput runs a type's output function under the
 * settings of the replication session, and a snapshot under those of its session. Both are pinned, so that a value always
 * has the same text.
 */
const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  DateStyle: 'ISO,MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  xmlbinary: 'base64',
  xmloption: 'content',
  lc_monetary: 'C',
  search_path: 'pg_catalog',
  array_nulls: 'on',
  // A query that a policy would filter fails instead of leaving rows out.
  row_security: 'off',
  standard_conforming_strings: 'on',
  transform_null_equals: 'off',
  // If it were on, the catalogue's functions would print other names for the same types, and other defaults.
  quote_all_identifiers: 'off',
  default_transaction_isolation: 'read\\ committed',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

/** Keeps every value as the text that PostgreSQL sent. */
const AS_TEXT: CustomTypesConfig = {
  getTypeParser: () => (value: string) => value,
};

type ConnectionKind = 'sql' | 'replication';
type FullConfig = ClientConfig & { readonly replication?: 'database' };

/**
 * Opens a connection with pinned settings. Values are returned as text, never parsed. `sslmode` `prefer` falls
 * back to plain text if the server has no TLS, as pgjdbc does; `allow` is plain text.
 * @param role What the connection is for, shown in `application_name`.
 * @throws the error of `pg`.
 */
export async function connect(config: SourceConfig, kind: ConnectionKind, role: string): Promise<Client> {
  const { mode } = config.database.tls;
  if (mode === 'prefer') {
    try {
      return await open(clientConfig(config, kind, role, true));
    } catch (error) {
      if (!(error instanceof Error) || !/does not support SSL/.test(error.message)) throw error;
    }
  }
  return await open(clientConfig(config, kind, role, isTlsMode(mode)));
}

async function open(config: FullConfig): Promise<Client> {
  const client = new Client(config);
  // An error of an idle connection belongs to no query; the next use of the client reports it.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  }
  return client;
}

function clientConfig(config: SourceConfig, kind: ConnectionKind, role: string, tls: boolean): FullConfig {
  const { database } = config;
  const options = Object.entries(SESSION_SETTINGS)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
  return {
    host: database.host,
    port: database.port,
    user: database.user,
    ...(database.password === undefined ? {} : { password: database.password }),
    database: database.name,
    application_name: `cdc-lab ${config.name} ${role}`.slice(0, 63),
    options,
    keepAlive: database.tcpKeepAlive,
    connectionTimeoutMillis: database.connectTimeoutMs,
    types: AS_TEXT,
    ...(kind === 'sql' ? { query_timeout: database.queryTimeoutMs } : {}),
    ssl: tls ? tlsOptions(database.tls, database.host) : false,
    ...(kind === 'replication' ? { replication: 'database' as const } : {}),
  };
}

/**
 * Closes a connection in any state. Resolves when the server has closed its side, so that everything its backend held (a
 * slot, a lock, a snapshot) is free; gives up waiting for that after one second.
 */
export async function disconnect(client: Client | undefined): Promise<void> {
  if (client === undefined) return;
  const { connection } = client;
  const { stream } = connection;
  if (stream.destroyed) return;
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  const timer = setTimeout(() => stream.destroy(), 1_000);
  // `client.end()` would destroy the socket during a query, and START_REPLICATION always is one; the walsender would
  // then keep the slot until it notices.
  connection.end();
  stream.resume();
  await closed;
  clearTimeout(timer);
}
