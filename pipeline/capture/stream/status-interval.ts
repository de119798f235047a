import type { Client } from 'pg';

/** So many status updates fit into the server's patience: one that is late, or lost, does no harm. */
const UPDATES_PER_TIMEOUT = 3;

/**
 * How often to send a status update on this connection, in milliseconds: as configured, but in time for its
 * `wal_sender_timeout`, after which the server ends a connection that it has not heard from. The setting may be another
 * one for this role or database than for the server.
 * @throws PostgreSQL's error.
 */
export async function statusIntervalOn(replication: Client, configuredMs: number): Promise<number> {
  const { rows } = await replication.query<{ ms: string }>(
    `SELECT setting AS ms FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'`,
  );
  return intervalWithin(configuredMs, Number(rows[0]?.ms ?? 0));
}

/** @param timeoutMs 0: the server waits for ever. */
export function intervalWithin(configuredMs: number, timeoutMs: number): number {
  if (timeoutMs <= 0) return configuredMs;
  return Math.max(1, Math.min(configuredMs, Math.floor(timeoutMs / UPDATES_PER_TIMEOUT)));
}
