import type { Database } from '../postgres.ts';

// By the view: before PostgreSQL 14 an ordinary role may not read pg_subscription.oid. The states are of this database's
// subscriptions only, whatever the view lists.
const COPYING_SQL = `
  SELECT count(*)::text AS tables FROM pg_subscription_rel WHERE srsubstate <> 'r'
  AND srsubid IN (SELECT subid FROM pg_stat_subscription WHERE subname = $1)`;

/** How many tables of the sink's subscription are in their initial copy: its own slot does not carry them yet. */
export async function tablesInCopy(sink: Database, subscription: string, limitMs?: number): Promise<number> {
  return Number((await sink.one(COPYING_SQL, [subscription], limitMs)).tables);
}
