import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../connection/postgres.ts';

// The view gives the subscription's oid: before PostgreSQL 14 an ordinary role may not read pg_subscription.oid. The view
// lists all databases, pg_subscription_rel only the subscriptions of this one.
const COPYING_SQL = `
  SELECT count(*)::text AS tables FROM pg_subscription_rel WHERE srsubstate <> 'r'
  AND srsubid IN (SELECT subid FROM pg_stat_subscription WHERE subname = $1)`;

/** Number of tables of the sink's subscription that are in their initial copy: its slot does not carry them yet. */
export async function tablesInCopy(sink: Database, subscription: string, limitMs?: number): Promise<number> {
  return Number((await sink.one(COPYING_SQL, [subscription], limitMs)).tables);
}

const LOOKS = 3;
const BETWEEN_LOOKS_MS = 250;

const WORKER_SQL = `
  SELECT (SELECT count(*) FROM pg_stat_subscription w WHERE w.subname = $1 AND w.relid IS NULL AND w.pid IS NOT NULL)::text AS workers,
         (SELECT sum(apply_error_count) FROM pg_stat_subscription_stats t WHERE t.subname = $1)::text AS errors`;

/**
 * Number of errors with which the apply worker has ended, if it is not running; 0 if it is. A worker that fails at the
 * same change is restarted every few seconds and lives for a moment, so it counts as running only if most of several
 * looks see it. Always 0 before PostgreSQL 15, which does not count these errors.
 */
export async function applyErrors(sink: Database, subscription: string): Promise<number> {
  const counts = await sink.one(`SELECT to_regclass('pg_stat_subscription_stats') IS NOT NULL AS there`);
  if (counts.there !== 'true' && counts.there !== 't') return 0;
  let missed = 0;
  for (let look = 1; ; look++) {
    const { workers, errors } = await sink.one(WORKER_SQL, [subscription]);
    if (workers === '0') missed++;
    if (Number(errors ?? 0) === 0) return 0;
    if (look === LOOKS) return missed > LOOKS / 2 ? Number(errors) : 0;
    await sleep(BETWEEN_LOOKS_MS);
  }
}
