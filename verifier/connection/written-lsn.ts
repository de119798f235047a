import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { readLsn } from './lsn.ts';
import type { Database } from './postgres.ts';

const SQL = `SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
  ELSE pg_current_wal_insert_lsn() END)::text AS lsn`;

/** A position of the WAL behind everything that is committed; on a standby, behind everything that it has replayed. */
export async function writtenLsn(database: Database): Promise<Lsn> {
  return readLsn((await database.one(SQL)).lsn ?? '');
}
