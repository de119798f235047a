import { randomUUID } from 'node:crypto';
import type { SnapshotJob } from '../position/source-offset.ts';
import type { TableName } from '../source/sql.ts';

/** Id of the first snapshot of all tables. */
export const INITIAL_SNAPSHOT = 'initial';

const ADDED = 'added-';

/** @param sweep Whether the sink is to delete the rows that the snapshot does not see. */
export function newJob(
  id: string,
  kind: SnapshotJob['kind'],
  tables: readonly TableName[],
  sweep = false,
): SnapshotJob {
  return {
    id,
    kind,
    ...(sweep ? { sweep } : {}),
    tables: tables.map(({ schema, table }) => ({ schema, table, done: false, lastKey: null, rows: 0 })),
  };
}

/** The first snapshot of tables that were added to the publication. */
export function addedTablesJob(tables: readonly TableName[], sweep: boolean): SnapshotJob {
  return newJob(`${ADDED}${randomUUID()}`, 'blocking', tables, sweep);
}

/**
 * True for a first snapshot, of all tables or of those that were added to the publication. The stream starts after it:
 * otherwise an update without its unchanged TOAST value could come before the row itself.
 */
export function isFirstSnapshot({ id, kind }: SnapshotJob): boolean {
  return kind === 'initial' || (kind === 'blocking' && id.startsWith(ADDED));
}
