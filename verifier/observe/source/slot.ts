import type { Lsn } from '../../../pipeline/contract/lsn.ts';
import { readLsn } from '../../connection/lsn.ts';
import type { Database } from '../../connection/postgres.ts';

const SLOT_SQL = `
  SELECT confirmed_flush_lsn::text AS lsn, wal_status FROM pg_replication_slots
  WHERE slot_name = $1 AND database = current_database()`;

/**
 * Position up to which a slot's consumer has confirmed the WAL.
 * @throws if the slot does not exist, is lost, or is still being created.
 */
export async function confirmedFlush(source: Database, slot: string, limitMs: number): Promise<Lsn> {
  const [row] = await source.query(SLOT_SQL, [slot], limitMs);
  if (row === undefined) throw new Error(`the replication slot ${slot} does not exist`);
  if (row.wal_status === 'lost') throw new Error(`the replication slot ${slot} is lost: its WAL was removed`);
  if (row.lsn === null || row.lsn === undefined) throw new Error(`the replication slot ${slot} is not ready`);
  return readLsn(row.lsn);
}
