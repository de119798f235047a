import type { Database } from '../../connection/postgres.ts';
import { ident } from '../../connection/postgres.ts';
import { relationOf, type Table } from '../source/catalogue.ts';
import type { LedgerIntent, LedgerWrite } from './ledger.ts';
import type { SettleIntents } from './ledger-parts.ts';

/** What is known of transactions that the ledger leaves open. */
export interface Settlement {
  readonly settle: SettleIntents;
  /** Why some could not be settled, by xid: precisely those whose id may be another's and whose rows contradict. */
  readonly undecided: ReadonlyMap<string, string>;
}

/** The ledger's clock and the server's need not be one. */
const CLOCK_SKEW_MS = 2_000;

/** Changes with every recovery, also from the crash of a single backend, which the postmaster survives. */
const SERVER_START_SQL = `
  SELECT extract(epoch FROM backend_start)::text AS started FROM pg_stat_activity
  WHERE backend_type = 'checkpointer'`;

/**
 * Settles by `pg_xact_status`, not by reading rows: with one exception. An id that no WAL on disk held when the server
 * crashed is given to another transaction afterwards, and `committed` is then said of that one. So where the server has
 * been started since the intent, `committed` must be borne out by what the transaction wrote: all of it as it was left
 * or newer (it committed), or none of it (it did not: recovery would have brought it back). Anything in between is not
 * settled. An xid too old, in progress, or of the future, stays unknown.
 */
export async function settlement(
  source: Database,
  tables: ReadonlyMap<string, Table>,
  versionColumn: string,
): Promise<Settlement> {
  const undecided = new Map<string, string>();
  // Null where the role may not see it: then any id may be another's.
  const [row] = await source.query(SERVER_START_SQL);
  const startedMs =
    row?.started == null ? Number.POSITIVE_INFINITY : Math.floor(Number(row.started) * 1000) + CLOCK_SKEW_MS;
  const settle: SettleIntents = async (intents) => {
    const outcomes = new Map<string, 'ok' | 'fail'>();
    for (const intent of intents) {
      const status = await statusOf(source, intent.xid);
      if (status === 'aborted') outcomes.set(intent.xid, 'fail');
      if (status !== 'committed') continue;
      if (Date.parse(intent.at) > startedMs) {
        outcomes.set(intent.xid, 'ok');
        continue;
      }
      const { there, absent } = await borneOut(source, tables, versionColumn, intent);
      if (there === 0 || absent === 0) outcomes.set(intent.xid, absent === 0 ? 'ok' : 'fail');
      else undecided.set(intent.xid, contradiction(intent, there, absent));
    }
    return outcomes;
  };
  return { settle, undecided };
}

function contradiction({ xid }: LedgerIntent, there: number, absent: number): string {
  return (
    `transaction ${xid} has no known outcome, and its id may be another's since the server was started: ` +
    `${there} of its rows are at the source, ${absent} are not`
  );
}

async function statusOf(source: Database, xid: string): Promise<string | null> {
  const sql = 'SELECT pg_xact_status($1::text::xid8) AS status';
  return (await source.one(sql, [xid]).catch(() => ({ status: null }))).status ?? null;
}

/** How many of its rows are as a transaction left them, or newer, and how many are not. */
async function borneOut(
  source: Database,
  tables: ReadonlyMap<string, Table>,
  versionColumn: string,
  { writes }: LedgerIntent,
): Promise<{ there: number; absent: number }> {
  let [there, absent] = [0, 0];
  for (const [id, own] of Map.groupBy(writes, (write) => write.table)) {
    const table = tables.get(id);
    if (table === undefined || table.key.length === 0) continue;
    // Of several writes to one row the last one counts.
    const last = new Map(own.map((write) => [keyText(table, write), write]));
    const versions = await readVersions(source, table, [...last.values()], versionColumn);
    for (const [key, { op, version }] of last) {
      const shown = versions.get(key);
      const isNewer = shown === null || (shown !== undefined && BigInt(shown) >= BigInt(version));
      if (op === 'd' ? shown === undefined : isNewer) there++;
      else absent++;
    }
  }
  return { there, absent };
}

/** Version of each row that is there, by {@link keyText}; null where the table has no version column. */
export async function readVersions(
  source: Database,
  table: Table,
  writes: readonly Pick<LedgerWrite, 'key'>[],
  versionColumn: string,
): Promise<ReadonlyMap<string, string | null>> {
  const columns = table.key.map((column) => ident(column.name)).join(', ');
  const names = table.key.map((_, i) => `k${i}`);
  const arrays = table.key.map((_, i) => `$${i + 1}::text[]`).join(', ');
  const typed = table.key.map((column, i) => `k${i}::${column.cast}`).join(', ');
  const version = table.columns.some((column) => column.name === versionColumn)
    ? `${ident(versionColumn)}::text`
    : 'NULL::text';
  const values = table.key.map((column) => writes.map((write) => write.key[column.name] ?? null));
  const shown = table.key.map((column) => `${ident(column.name)}::text`).join(', ');
  const rows = await source.query(
    `SELECT jsonb_build_array(${shown})::text AS key, ${version} AS version
     FROM ${relationOf(table)} AS t
     WHERE (${columns}) IN (SELECT ${typed} FROM unnest(${arrays}) AS k(${names.join(', ')}))`,
    values,
  );
  return new Map(rows.map((row) => [JSON.stringify(JSON.parse(row.key ?? '[]')), row.version ?? null]));
}

/** A key of the ledger as the JSON array of its values, in the order of the table's key. */
export function keyText(table: Table, write: Pick<LedgerWrite, 'key'>): string {
  return JSON.stringify(table.key.map((column) => write.key[column.name] ?? null));
}
