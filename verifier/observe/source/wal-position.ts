import type { Lsn } from '../../../pipeline/contract/lsn.ts';
import { readLsn } from '../../connection/lsn.ts';
import type { Database } from '../../connection/postgres.ts';

const EMIT_SQL = `SELECT pg_logical_emit_message(true, 'cdc-lab.fence', '')`;

/** The progress of a pipeline cannot be told at this server, however long one waits. */
export class StandbyError extends Error {
  constructor() {
    super(
      'the source is a hot standby, and how far the pipeline has to come is known at its primary alone: give the address of the primary as the source',
    );
    this.name = 'StandbyError';
  }
}

const POSITION_SQL = `SELECT pg_is_in_recovery()::text AS standby, (CASE WHEN pg_is_in_recovery()
  THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END)::text AS lsn`;

/**
 * A WAL position behind everything that is committed now.
 * @param emitMessage Also writes a logical message. Its commit flushes transactions that committed without waiting for
 * the disk, and gives an idle slot a record that moves it past the position.
 * @param replayed On a standby, what it has replayed will do: no pipeline is followed.
 * @throws StandbyError if it will not.
 */
export async function positionBehindCommits(
  source: Database,
  { emitMessage, replayed }: { readonly emitMessage: boolean; readonly replayed: boolean },
  limitMs: number,
): Promise<Lsn> {
  const row = await source.one(POSITION_SQL, [], limitMs);
  if (row.standby === 'true') {
    if (!replayed) throw new StandbyError();
    return readLsn(row.lsn ?? '');
  }
  if (emitMessage) await source.query(EMIT_SQL, [], limitMs);
  const lsn = readLsn(row.lsn ?? '');
  return emitMessage ? lsn : endOfRecord(lsn);
}

/** PostgreSQL's default sizes. The first page of a segment has a longer header than the others. */
const WAL_PAGE = { bytes: 8192n, headerBytes: 24n };
const WAL_SEGMENT = { bytes: 16n * 1024n * 1024n, headerBytes: 40n };

/**
 * Where the last record ends. If that record fills its page, the insert position is behind the next page's header,
 * where no record is yet: an idle slot would never confirm that position.
 */
function endOfRecord(insert: Lsn): Lsn {
  for (const { bytes, headerBytes } of [WAL_SEGMENT, WAL_PAGE]) {
    if (insert % bytes === headerBytes) return (insert - headerBytes) as Lsn;
  }
  return insert;
}
