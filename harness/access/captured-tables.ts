import { identifiersOf, parseTable, tableId } from '../../verifier/table-id.ts';
import type { Instance } from '../lab/lab.ts';
import type { Access, Side } from './access.ts';

/** Debezium's signal table in the fixture schema: in the publication, but not captured. */
export const SIGNAL_TABLE = 'debezium_signal';

/** Ids of the captured tables of the instance's publication, in the order of their names. */
export async function capturedTables(access: Access, instance: Instance): Promise<string[]> {
  const rows = await access.query(
    'source',
    `SELECT schemaname, tablename FROM pg_publication_tables
      WHERE pubname = $1 AND tablename <> $2 ORDER BY 1, 2`,
    [instance.publication, SIGNAL_TABLE],
  );
  return rows.map((row) => tableId({ schema: String(row.schemaname), name: String(row.tablename) }));
}

/** What a snapshot reads, and what comes of the rest. */
export interface SnapshotWish {
  /** A condition on the rows of the tables, as SQL. */
  readonly where?: string | undefined;
  /** Whether the sink deletes what a complete snapshot did not see; only our own capture and sink do it. */
  readonly sweep?: boolean;
}

/** The data of a signal for an ad hoc snapshot. */
export function snapshotSignal(
  type: 'incremental' | 'blocking',
  tables: readonly string[],
  { where, sweep = false }: SnapshotWish = {},
): string {
  // Debezium reads a name as a regular expression on the unquoted name.
  const collections = tables.map((id) => (identifiersOf(id) ?? [id]).join('.'));
  const conditions = collections.map((name) => ({ 'data-collection': name, filter: where }));
  return JSON.stringify({
    'data-collections': collections,
    type,
    ...(where === undefined ? {} : { 'additional-conditions': conditions }),
    ...(sweep ? { sweep } : {}),
  });
}

/** Asks the capture for an ad hoc snapshot, as Debezium's documentation of signalling says. */
export async function requestSnapshot(
  access: Access,
  id: string,
  type: 'incremental' | 'blocking',
  tables: readonly string[],
  wish: SnapshotWish = {},
): Promise<void> {
  await access.query('source', `INSERT INTO public.${SIGNAL_TABLE} (id, type, data) VALUES ($1, $2, $3)`, [
    id,
    'execute-snapshot',
    snapshotSignal(type, tables, wish),
  ]);
}

/** Row counts by the table's id; in the sink, every table is in the schema `public`. */
export async function countRows(
  access: Access,
  side: Side,
  tables: readonly string[],
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of tables) {
    const { schema, name: table } = parseTable(name) ?? { schema: 'public', name };
    const quoted = [side === 'sink' ? 'public' : schema, table].map(
      (part) => `"${part.replaceAll('"', '""')}"`,
    );
    const [row] = await access.query(side, `SELECT count(*)::int8 AS n FROM ${quoted.join('.')}`);
    counts[name] = Number(row?.n ?? 0);
  }
  return counts;
}
