import type { ClientBase } from 'pg';

/**
 * Locks a table for the sinks of the database until the end of the transaction: rows of different partitions are written
 * side by side; a TRUNCATE and a sweep have it alone.
 * @param name its name in the bookkeeping tables.
 */
export async function lockTable(client: ClientBase, name: string, alone: boolean): Promise<void> {
  const lock = alone ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared';
  await client.query({
    name: `cdc_${lock}`,
    text: `SELECT ${lock}(hashtextextended($1, 4771))`,
    values: [name],
  });
}
