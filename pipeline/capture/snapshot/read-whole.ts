import type { Client } from 'pg';
import type { OffsetBook } from '../position/offset-book.ts';
import type { SnapshotJob, TableProgress } from '../position/source-offset.ts';
import type { SnapshotReader } from './snapshot-reader.ts';

/**
 * Prepares a first snapshot that is taken again after a restart, at a later position than the stream starts at.
 *
 * Between the two positions a row may be updated without its unchanged TOAST value and then deleted: no snapshot has
 * the row, and the update alone does not make one. So a table that may hold such values is read from its first key, not
 * from its last checkpoint, and {@link SourceOffset.readWhole} makes the stream skip those updates.
 */
export async function readWhole(
  job: SnapshotJob,
  reader: SnapshotReader,
  book: OffsetBook,
  sql: Client,
): Promise<SnapshotJob> {
  const tables: TableProgress[] = [];
  const whole: Record<string, SnapshotReader['consistentPoint']> = {};
  for (const progress of job.tables) {
    const again = !progress.done && (progress.lastKey === null || (await hasToast(sql, progress)));
    if (again) whole[`${progress.schema}.${progress.table}`] = reader.consistentPoint;
    tables.push(again ? { ...progress, lastKey: null, rows: 0 } : progress);
  }
  book.change({ readWhole: { ...book.current.readWhole, ...whole } });
  return { ...job, tables };
}

async function hasToast(sql: Client, { schema, table }: TableProgress): Promise<boolean> {
  const { rows } = await sql.query<{ some: string }>(
    `SELECT pg_catalog.sum(pg_catalog.pg_relation_size(p.reltoastrelid)) > 0 AS some
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_catalog.pg_class p ON p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid))
     WHERE n.nspname = $1 AND c.relname = $2 AND p.reltoastrelid <> 0`,
    [schema, table],
  );
  return rows[0]?.some === 't';
}
