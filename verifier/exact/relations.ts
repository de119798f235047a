import type { Database } from '../connection/postgres.ts';
import { idOfRow, parseTable } from '../table-id.ts';

/** What must not change about a table while its rows are compared in a snapshot of the past. */
export interface Relation {
  /**
   * Changes with every rewrite and TRUNCATE, and with the columns, their types and the partitions. An enum's label that is
   * renamed, for example, changes the text of rows that nobody writes.
   */
  readonly fingerprint: string;
  /** The tables that hold its rows: itself, or its partitions. The stream names these. */
  readonly leaves: readonly Leaf[];
}

export interface Leaf {
  /** The id of the table. */
  readonly id: string;
  /**
   * `d` default, `f` full, `i` an index, `n` nothing: `pg_class.relreplident`. Also `n` if no slot tells of its rows: it is
   * unlogged, or a foreign table, or a materialized view.
   */
  readonly identity: string;
  /** Columns of the replica identity's index; empty if there is none. */
  readonly identityColumns: readonly string[];
}

/** Objects below it are the system's (`FirstNormalObjectId`). */
const FIRST_OWN_OID = 16_384;

// At the source, tables that inherit without being partitions are compared separately; in a sink, a copy may have them.
// It reads the catalogue's tables and calls none of its functions (such as format_type or pg_get_indexdef): these
// use the latest catalogue instead of the snapshot's.
const RELATIONS_SQL = `
  WITH RECURSIVE tree AS (
    SELECT wanted.id AS root, c.oid
    FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (id, schema, name)
    JOIN pg_namespace n ON n.nspname = wanted.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name AND c.relkind IN ('r', 'p', 'm')
    UNION ALL
    SELECT tree.root, i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid
      JOIN pg_class c ON c.oid = i.inhrelid AND (c.relispartition OR $4)),
  -- The types that each relation's columns are made of, without the system's.
  types AS (
    SELECT tree.oid AS relation, a.atttypid AS type
    FROM tree JOIN pg_attribute a ON a.attrelid = tree.oid AND a.attnum > 0 AND a.atttypid >= ${FIRST_OWN_OID}
    UNION
    SELECT types.relation, part.type
    FROM types JOIN pg_type t ON t.oid = types.type CROSS JOIN LATERAL (
      SELECT t.typbasetype UNION ALL SELECT t.typelem
      UNION ALL SELECT rngsubtype FROM pg_range r
        WHERE t.oid::text IN (rngtypid::text, to_jsonb(r) ->> 'rngmultitypid') -- the latter from PostgreSQL 14 on
      UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0) AS part (type)
    WHERE part.type >= ${FIRST_OWN_OID})
  SELECT tree.root, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
         c.relreplident::text AS identity, (c.relkind = 'r' AND c.relpersistence = 'p')::text AS is_told,
         concat_ws(':', c.oid, c.relfilenode, c.relreplident,
           (SELECT string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attisdropped,
                                        (SELECT d.adbin::text FROM pg_attrdef d
                                         WHERE a.attgenerated <> '' AND d.adrelid = c.oid AND d.adnum = a.attnum)),
                              ',' ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
           (SELECT json_agg(e.enumlabel ORDER BY e.enumtypid, e.enumsortorder)
            FROM types JOIN pg_enum e ON e.enumtypid = types.type WHERE types.relation = c.oid),
           (SELECT json_agg(concat_ws(' ', a.attnum, a.atttypid) ORDER BY t.oid, a.attnum)
            FROM types JOIN pg_type t ON t.oid = types.type JOIN pg_attribute a ON a.attrelid = t.typrelid
            WHERE types.relation = c.oid AND a.attnum > 0)) AS state,
         (SELECT json_agg(a.attname ORDER BY a.attnum)
          FROM pg_index x JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1])
          WHERE x.indrelid = c.oid AND CASE c.relreplident WHEN 'i' THEN x.indisreplident
                                                           WHEN 'd' THEN x.indisprimary ELSE false END
         )::text AS identity_columns
  FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = c.relnamespace
  ORDER BY tree.root, c.oid`;

/** Tables by id, as the connection's snapshot shows them. A table that does not exist is not in the map. */
export async function readRelations(
  database: Database,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Relation>> {
  const relations = new Map<string, { fingerprint: string; leaves: Leaf[] }>();
  const names = ids.map((id) => parseTable(id) ?? { schema: '', name: '' });
  const wanted = [[...ids], names.map(({ schema }) => schema), names.map(({ name }) => name)];
  for (const row of await database.query(RELATIONS_SQL, [...wanted, database.side === 'sink'])) {
    const root = row.root ?? '';
    const relation = relations.get(root) ?? { fingerprint: '', leaves: [] };
    relation.fingerprint += `${row.state};`;
    if (row.kind !== 'p') {
      const isTold = row.is_told === 'true';
      const identityColumns = JSON.parse(row.identity_columns ?? '[]') as string[];
      relation.leaves.push({
        id: idOfRow(row.schema, row.name),
        identity: isTold ? (row.identity ?? 'n') : 'n',
        identityColumns: isTold ? identityColumns : [],
      });
    }
    relations.set(root, relation);
  }
  return relations;
}

/** Whether the old row contains the key, as far as the replica identity logs it. */
export function carriesKey(leaf: Leaf, key: readonly string[]): boolean {
  return (
    leaf.identity === 'f' || (key.length > 0 && key.every((name) => leaf.identityColumns.includes(name)))
  );
}
