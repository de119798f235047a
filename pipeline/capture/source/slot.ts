import type { Client } from 'pg';
import { LabError } from '../../contract/errors.ts';
import type { Lsn } from '../../contract/lsn.ts';
import { parseLsn } from './lsn-text.ts';
import { quoteIdentifier } from './sql.ts';

/** A row of pg_replication_slots. Columns that the server's version lacks are null. */
export interface SlotState {
  readonly name: string;
  readonly plugin: string | null;
  readonly type: string;
  readonly database: string | null;
  readonly active: boolean;
  readonly activePid: number | null;
  /** Null while the slot is being created. */
  readonly confirmedFlushLsn: Lsn | null;
  /** `reserved`, `extended`, `unreserved`, `lost`. */
  readonly walStatus: string | null;
  /** Why the slot is unusable; PostgreSQL ≥ 17. */
  readonly invalidationReason: string | null;
}

interface SlotRow {
  readonly slot_name: string;
  readonly plugin: string | null;
  readonly slot_type: string;
  readonly database: string | null;
  readonly active: boolean;
  readonly active_pid: number | null;
  readonly confirmed_flush_lsn: string | null;
  readonly wal_status?: string | null;
  readonly invalidation_reason?: string | null;
}

export async function readSlot(client: Client, name: string): Promise<SlotState | undefined> {
  const { rows } = await client.query<{ slot: string }>(
    'SELECT pg_catalog.row_to_json(s) AS slot FROM pg_catalog.pg_replication_slots s WHERE slot_name = $1',
    [name],
  );
  if (rows[0] === undefined) return undefined;
  const row = JSON.parse(rows[0].slot) as SlotRow;
  return {
    name: row.slot_name,
    plugin: row.plugin,
    type: row.slot_type,
    database: row.database,
    active: row.active,
    activePid: row.active_pid,
    confirmedFlushLsn: row.confirmed_flush_lsn === null ? null : parseLsn(row.confirmed_flush_lsn),
    walStatus: row.wal_status ?? null,
    invalidationReason: row.invalidation_reason ?? null,
  };
}

/** A new slot, and a snapshot of the database at the slot's position. */
export interface CreatedSlot {
  readonly consistentPoint: Lsn;
  /** Import it before the next command on the replication connection, and before that connection ends. */
  readonly snapshotName: string;
}

/**
 * CREATE_REPLICATION_SLOT with an exported snapshot: every transaction is either in the snapshot or in the stream.
 * Waits for open write transactions. @throws PostgreSQL's error.
 */
export async function createSlot(
  replication: Client,
  name: string,
  options: { readonly temporary: boolean; readonly failover?: boolean },
): Promise<CreatedSlot> {
  const flags = options.failover ? "SNAPSHOT 'export', FAILOVER" : "SNAPSHOT 'export'";
  const { rows } = await replication.query<{ consistent_point: string; snapshot_name: string }>(
    `CREATE_REPLICATION_SLOT ${quoteIdentifier(name)} ${options.temporary ? 'TEMPORARY ' : ''}` +
      `LOGICAL pgoutput (${flags})`,
  );
  const row = rows[0];
  if (row === undefined) throw new Error('CREATE_REPLICATION_SLOT returned no row.');
  return { consistentPoint: parseLsn(row.consistent_point), snapshotName: row.snapshot_name };
}

export async function dropSlot(client: Client, name: string): Promise<void> {
  await client.query('SELECT pg_catalog.pg_drop_replication_slot($1)', [name]);
}

/** The server behind a replication connection. */
export interface SystemIdentity {
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** End of the flushed WAL. */
  readonly walEnd: Lsn;
}

export async function identifySystem(replication: Client): Promise<SystemIdentity> {
  const { rows } = await replication.query<{ systemid: string; timeline: string; xlogpos: string }>(
    'IDENTIFY_SYSTEM',
  );
  const row = rows[0];
  if (row === undefined) throw new Error('IDENTIFY_SYSTEM returned no row.');
  return {
    systemIdentifier: row.systemid,
    timeline: Number(row.timeline),
    walEnd: parseLsn(row.xlogpos),
  };
}

/**
 * The LSN at which the server's timeline left an earlier one; undefined if that is not an ancestor. A timeline's history
 * file has one line per ancestor, `id<TAB>lsn<TAB>reason`.
 */
export function switchPoint(history: string, ancestor: number): Lsn | undefined {
  for (const line of history.split('\n')) {
    const match = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line);
    if (match?.[1] !== undefined && Number(match[1]) === ancestor) return parseLsn(match[2] ?? '');
  }
  return undefined;
}

export async function timelineHistory(replication: Client, timeline: number): Promise<string> {
  if (timeline === 1) return '';
  const { rows } = await replication.query<{ content: string }>(`TIMELINE_HISTORY ${timeline}`);
  return rows[0]?.content ?? '';
}

/** @throws LabError CDC-1100 unless `wal_level` is `logical`. */
export async function requireLogicalWal(client: Client): Promise<void> {
  const { rows } = await client.query<{ wal_level: string }>('SHOW wal_level');
  if (rows[0]?.wal_level === 'logical') return;
  throw new LabError('CDC-1100', `The wal_level of the source is "${rows[0]?.wal_level}", not "logical".`, {
    remedy: 'ALTER SYSTEM SET wal_level = logical, restart the source, then restart the task.',
  });
}
