import { messageOf } from '../../../pipeline/contract/errors.ts';
import type { Database } from '../../connection/postgres.ts';
import { ident } from '../../connection/postgres.ts';
import { isBorrowed, relationOf, type Table } from '../source/catalogue.ts';
import type { LedgerIntent, LedgerWrite } from './ledger.ts';
import type { SettleIntents } from './ledger-parts.ts';

/** Determines the outcome of transactions that the ledger leaves open. */
export interface Settlement {
  readonly settle: SettleIntents;
  /** Why a transaction could not be settled, by xid: its id may have been reused, and its rows are contradictory. */
  readonly undecided: ReadonlyMap<string, string>;
}

/** The clocks of the workload's machine and of the server may differ by this much. */
const CLOCK_SKEW_MS = 2_000;

/** Changes with every recovery, including one after the crash of a single backend, which the postmaster survives. */
const SERVER_START_SQL = `
  SELECT extract(epoch FROM backend_start)::text AS started FROM pg_stat_activity
  WHERE backend_type = 'checkpointer'`;

/**
 * Settles transactions by `pg_xact_status`, not by reading rows, with one exception. If a crash lost the WAL of a
 * transaction, the server gives its id to another transaction, and `committed` then speaks of that other one. So if the
 * server was started since the intent, the rows must confirm `committed`: all of them are as the transaction left them,
 * or newer (it committed), or none of them is (it did not: recovery would have restored them). Anything in between stays
 * undecided. An xid that is too old, in progress or in the future stays unknown.
 */
export async function settlement(
  source: Database,
  tables: ReadonlyMap<string, Table>,
  versionColumn: string,
): Promise<Settlement> {
  const undecided = new Map<string, string>();
  // Null if the role may not see it: then any id may have been reused.
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
      const shown = await rowsShown(source, tables, versionColumn, intent).catch((error: unknown) => {
        if (!source.isOpen) throw error;
        undecided.set(intent.xid, unreadable(intent, error));
      });
      if (shown === undefined) continue;
      const { there, absent } = shown;
      if (there === 0 || absent === 0) outcomes.set(intent.xid, absent === 0 ? 'ok' : 'fail');
      else undecided.set(intent.xid, contradiction(intent, there, absent));
    }
    return outcomes;
  };
  return { settle, undecided };
}

function contradiction({ xid }: LedgerIntent, there: number, absent: number): string {
  return (
    `the outcome of transaction ${xid} is unknown, and the server, which was started since, may have reused its id: ` +
    `${there} of its rows are at the source, ${absent} are not`
  );
}

function unreadable({ xid }: LedgerIntent, error: unknown): string {
  return `the outcome of transaction ${xid} is unknown, because its rows could not be read: ${messageOf(error)}`;
}

async function statusOf(source: Database, xid: string): Promise<string | null> {
  const sql = 'SELECT pg_xact_status($1::text::xid8) AS status';
  return (await source.one(sql, [xid]).catch(() => ({ status: null }))).status ?? null;
}

/** How many rows of a transaction are as it left them or newer (`there`), and how many are not (`absent`). */
async function rowsShown(
  source: Database,
  tables: ReadonlyMap<string, Table>,
  versionColumn: string,
  { writes }: LedgerIntent,
): Promise<{ there: number; absent: number }> {
  let [there, absent] = [0, 0];
  for (const [id, own] of Map.groupBy(writes, (write) => write.table)) {
    const table = tables.get(id);
    if (table === undefined || table.key.length === 0) continue;
    // If a transaction wrote a row several times, its last write counts.
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

/** Version of each row that exists, by {@link keyText}; null if the table has no version column. */
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
  const key = `jsonb_build_array(${shown})::text`;
  // Without an operator of its type, a key can only be found by its text, which takes a scan.
  const where = table.key.some(isBorrowed)
    ? `${key} IN (SELECT jsonb_build_array(${names.join(', ')})::text FROM unnest(${arrays}) AS k(${names.join(', ')}))`
    : `(${columns}) IN (SELECT ${typed} FROM unnest(${arrays}) AS k(${names.join(', ')}))`;
  const rows = await source.query(
    `SELECT ${key} AS key, ${version} AS version FROM ${relationOf(table)} AS t WHERE ${where}`,
    values,
  );
  return new Map(rows.map((row) => [JSON.stringify(JSON.parse(row.key ?? '[]')), row.version ?? null]));
}

/** A ledger key as a JSON array of its values, in the order of the table's key columns. */
export function keyText(table: Table, write: Pick<LedgerWrite, 'key'>): string {
  return JSON.stringify(table.key.map((column) => write.key[column.name] ?? null));
}
