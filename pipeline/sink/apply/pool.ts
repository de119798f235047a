import pg from 'pg';
import type { Logger } from '../../contract/connector.ts';
import { quoteIdentifier } from '../bind/quoting.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import { tlsOptions } from '../config/tls-files.ts';
import { isTransient } from './db-errors.ts';

/** The client waits longer than the server, so that the server ends a statement unless it is gone. */
const GRACE_MS = 5_000;

/** Escapes what separates the words in the `options` of a start-up message. */
const escaped = (setting: string): string => setting.replace(/[\\\s]/g, '\\$&');

/**
 * Connections to the sink database. Every setting that changes how a value or a statement is read is pinned.
 * @throws Error if a certificate or key cannot be read.
 */
export function connectPool(config: SinkConfig, connector: string, log: Logger): pg.Pool {
  const { statementTimeoutMs, connection } = config;
  const settings = [
    'DateStyle=ISO,YMD',
    'TimeZone=UTC',
    'IntervalStyle=postgres',
    'lc_monetary=C',
    'xmloption=content',
    // If it were off, NULL in an array would be stored as the text 'NULL'.
    'array_nulls=on',
    'standard_conforming_strings=on',
    'transform_null_equals=off',
    // If it were on, `format_type` would print other names for the same types.
    'quote_all_identifiers=off',
    'default_transaction_isolation=read committed',
    `search_path=${connection.schemas.map(quoteIdentifier).join(',')}`,
    `statement_timeout=${statementTimeoutMs}`,
    'idle_in_transaction_session_timeout=0',
  ];
  const { host, port, database, user, password, tls, applicationName } = connection;
  const pool = new pg.Pool({
    host,
    port,
    database,
    user,
    password,
    ...(tls === null ? {} : { ssl: tls === 'disable' ? false : tlsOptions(tls, host) }),
    // One more than the batches that run at a time, so that taking a partition over never waits for them.
    max: config.poolSize + 1,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    application_name: applicationName ?? `cdc-lab sink ${connector}`.slice(0, 63),
    options: settings.map((setting) => `-c ${escaped(setting)}`).join(' '),
    ...(statementTimeoutMs === 0 ? {} : { query_timeout: statementTimeoutMs + GRACE_MS }),
  });
  // The statement on a broken connection reports it too; without these handlers the process would exit.
  pool.on('error', (error) => log.debug('an idle connection broke', { error: error.message }));
  pool.on('connect', (client) => {
    client.on('error', (error) => log.debug('a connection broke', { error: error.message }));
  });
  return pool;
}

/** Runs the work with a connection of the pool. A connection that broke is not returned to the pool. */
export async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    return await work(client);
  } catch (error) {
    broken = isTransient(error) && error instanceof Error ? error : undefined;
    throw error;
  } finally {
    client.release(broken);
  }
}
