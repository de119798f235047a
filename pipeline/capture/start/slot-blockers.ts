import type { Client } from 'pg';
import { sleep } from '../../contract/wake.ts';

const EVERY_MS = 500;
/** Characters of a query. */
const QUERY_CHARACTERS = 100;

/**
 * The transaction that a session of the server waits for: an open one with its session, or a prepared one, which has none.
 * `pg_blocking_pids` would say 0 for the latter.
 */
const BLOCKERS_SQL = `
  SELECT a.pid, NULL AS gid, a.datname AS database, a.state, a.application_name AS application,
         extract(epoch FROM clock_timestamp() - a.xact_start)::text AS age, a.query
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_stat_activity a ON a.backend_xid = l.transactionid
   WHERE l.pid = $1 AND NOT l.granted AND l.locktype = 'transactionid'
   UNION ALL
  SELECT NULL, p.gid, p.database, NULL, NULL, extract(epoch FROM clock_timestamp() - p.prepared)::text, NULL
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = l.transactionid
   WHERE l.pid = $1 AND NOT l.granted AND l.locktype = 'transactionid'`;

interface Blocker {
  readonly pid: number | null;
  readonly gid: string | null;
  readonly database: string | null;
  readonly state: string | null;
  readonly application: string | null;
  /** Seconds. */
  readonly age: string | null;
  /** Null, or a placeholder, where the login may not see it. */
  readonly query: string | null;
}

/**
 * Tells what the creation of a slot waits for, until the signal aborts: it waits for every transaction of the server that has
 * an xid (https://www.postgresql.org/docs/18/logicaldecoding-explanation.html#LOGICALDECODING-REPLICATION-SLOTS).
 * @param pid Server process of the connection that creates the slot.
 * @param onBlocked Called with a sentence each time it is seen; with undefined when nothing blocks it.
 */
export async function tellBlockers(
  sql: Client,
  pid: number,
  onBlocked: (by: string | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(EVERY_MS, signal);
    if (signal.aborted) return;
    const { rows } = await sql.query<Blocker>(BLOCKERS_SQL, [pid]);
    if (!signal.aborted) onBlocked(rows.length === 0 ? undefined : rows.map(blockerText).join('; '));
  }
}

/** `pid 123 in database app (psql, idle in transaction), open for 12 s: UPDATE …`. */
export function blockerText({ pid, gid, database, state, application, age, query }: Blocker): string {
  const seconds = `${Math.round(Number(age ?? 0) * 10) / 10} s`;
  if (gid !== null) return `prepared transaction ${gid} in database ${database}, prepared for ${seconds}`;
  const who = [application, state].filter((text) => text !== null && text !== '').join(', ');
  const said = query === null || query === '' ? '' : `: ${shortened(query)}`;
  return `pid ${pid} in database ${database}${who === '' ? '' : ` (${who})`}, open for ${seconds}${said}`;
}

function shortened(query: string): string {
  // Values of rows do not belong into logs.
  const line = query
    .replaceAll(/'(?:[^']|'')*'/g, "'…'")
    .replaceAll(/\s+/g, ' ')
    .trim();
  return line.length <= QUERY_CHARACTERS ? line : `${line.slice(0, QUERY_CHARACTERS)}…`;
}
