import type { Database } from '../../connection/postgres.ts';

/** A table whose rows are also rows of another one: its partition, or a table that inherits from it, at any depth. */
export interface Heir {
  readonly oid: string;
  /** Ids of the tables on the way down to this one, and this one's. */
  readonly line: readonly string[];
}

/** Oids of tables and their heirs, in pairs. */
const HEIRS_SQL = 'SELECT inhparent::text AS parent, inhrelid::text AS heir FROM pg_inherits';

/** Reads who inherits from whom. @param ids Of all tables, by oid. @returns the heirs of a table, by its oid. */
export async function readHeirs(
  database: Database,
  ids: ReadonlyMap<string, string>,
): Promise<(oid: string) => readonly Heir[]> {
  const children = Map.groupBy(await database.query(HEIRS_SQL), ({ parent }) => parent ?? '');
  const below = (parent: string, line: readonly string[]): Heir[] =>
    (children.get(parent) ?? []).flatMap(({ heir }) => {
      const oid = heir ?? '';
      const own = [...line, ids.get(oid) ?? ''];
      return [{ oid, line: own }, ...below(oid, own)];
    });
  return (oid) => below(oid, []);
}
