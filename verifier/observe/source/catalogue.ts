/**
 * `verifier/observe/source`: reads what PostgreSQL says of its tables, its WAL and the pipeline's slot.
 * In: a connection to the source; `catalogue.ts` reads the sink's tables in the same way.
 * Out: tables with columns, keys and foreign keys; the position behind all commits; the slot's confirmed position.
 * Promises: reads no rows of user tables, and writes nothing but a logical message, if the configuration allows it.
 */

import { type Database, ident, type Row } from '../../connection/postgres.ts';
import { idOfRow } from '../../table-id.ts';
import { type Heir, readHeirs } from './heirs.ts';
import type { ValueSettings } from './value-settings.ts';

/** A column, as the catalogue describes it. */
export interface Column {
  readonly name: string;
  /** Name of the base type, with domains resolved: `int4`, `timestamptz`, `_text`, `mood`. */
  readonly type: string;
  /** `pg_type.typtype`: `b` for a base type, `e` for an enum, and so on. */
  readonly kind: string;
  /** The type as a cast names it, schema-qualified where needed. */
  readonly cast: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** 1-based rank in the primary key; 0 if the column is not part of it. */
  readonly keyRank: number;
  /** The server computes the values, and refuses to be given others. */
  readonly isGenerated?: boolean;
  /** What it computes them by, as SQL over the other columns. */
  readonly expression?: string | undefined;
  /** Whether the server can hash a `bytea`, which it can from PostgreSQL 18 on. */
  readonly hashesBytes: boolean;
  /** Settings of the capture under which a copy is compared: some change values (`compare/types/configured.ts`). */
  readonly settings?: ValueSettings;
}

export interface Table {
  readonly schema: string;
  readonly name: string;
  /** See `table-id.ts`. */
  readonly id: string;
  readonly columns: readonly Column[];
  /** Columns of the primary key in order; empty if there is none. */
  readonly key: readonly Column[];
  /** The planner's estimate of the number of rows; -1 if it has none. */
  readonly estimatedRows: number;
  readonly canSelect: boolean;
  /** Other tables inherit from this one. They are published and compared separately, so only its own rows count. */
  readonly only: boolean;
  /**
   * Generated columns. Those of the source are compared if the copy has an ordinary column of that name. Replication omits
   * them unless configured otherwise (PostgreSQL 18).
   */
  readonly generated: readonly string[];
  /** Set if it is no table: the copy in a sink may be anything that can be read. */
  readonly heldAs?: 'a view' | 'a materialized view' | 'a foreign table';
  /** Partitions and inheriting tables at all depths; set only in a sink. */
  readonly heirs?: readonly Heir[];
  /** The generated columns, as columns. Those of a copy are compared if the source has an ordinary column of that name. */
  readonly generatedColumns?: readonly Column[];
  /** A subquery to read instead of the table, if it differs from the original on purpose (`copy-shape.ts`). */
  readonly view?: string;
}

/**
 * The source's tables are those that can be published. In a sink, whatever can be read may be a copy: a partition, an
 * unlogged table, a view.
 */
const CANDIDATES: Readonly<Record<Database['side'], string>> = {
  source: `c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'`,
  sink: `c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'`,
};

/** By `pg_class.relkind`. */
const HELD_AS: Readonly<Record<string, Table['heldAs']>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
};

const tablesSql = (side: Database['side']): string => `
  SELECT c.oid::text AS oid, c.relkind::text AS kind, n.nspname AS schema, c.relname AS name,
         c.reltuples::bigint::text AS rows,
         has_table_privilege(c.oid, 'SELECT')::text AS can_select,
         (c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid))::text AS has_heirs
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${CANDIDATES[side]}
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  ORDER BY n.nspname, c.relname`;

const COLUMNS_SQL = `
  SELECT n.nspname AS schema, c.relname AS table, a.attname AS name, a.attnotnull::text AS not_null,
         coalesce(base.typname, t.typname) AS type, coalesce(base.typtype, t.typtype)::text AS kind,
         format_type(coalesce(base.oid, t.oid), CASE WHEN base.oid IS NULL THEN a.atttypmod END) AS cast,
         a.atthasdef::text AS has_default, (a.attgenerated <> '')::text AS is_generated,
         CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END AS expression,
         -- Without columns that the index only includes. A slice is numbered from 1.
         coalesce(array_position((i.indkey::int2[])[0:i.indnkeyatts - 1], a.attnum), 0)::text AS key_rank,
         (to_regproc('pg_catalog.hashbyteaextended') IS NOT NULL)::text AS hashes_bytes
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN LATERAL (
    WITH RECURSIVE up AS (
      SELECT t.typbasetype AS oid, 1 AS depth WHERE t.typtype = 'd'
      UNION ALL SELECT d.typbasetype, depth + 1 FROM up JOIN pg_type d ON d.oid = up.oid WHERE d.typtype = 'd'
    ) SELECT b.oid, b.typname, b.typtype FROM up JOIN pg_type b ON b.oid = up.oid ORDER BY depth DESC LIMIT 1
  ) base ON true
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
  WHERE a.attnum > 0 AND NOT a.attisdropped
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname !~ '^pg_(toast|temp)'
  ORDER BY 1, 2, a.attnum`;

/** The table as it follows FROM in a query; an alias may follow. */
export function relationOf({ view, only, schema, name }: Table): string {
  return view ?? `${only ? 'ONLY ' : ''}${ident(schema)}.${ident(name)}`;
}

/** Whether the type is an extension's, such as hstore or ltree: the pinned search path does not have its operators. */
export function isBorrowed({ kind, cast }: Pick<Column, 'kind' | 'cast'>): boolean {
  return kind === 'b' && cast.includes('.');
}

/** The columns of the source that are compared with the copy: also those that only the source generates. */
export function comparedColumns(source: Table, copy: Pick<Table, 'columns'> | undefined): readonly Column[] {
  const names = new Set(copy?.columns.map(({ name }) => name));
  return [...source.columns, ...(source.generatedColumns ?? []).filter(({ name }) => names.has(name))];
}

/** The columns of a copy that can be compared with the source's, of which the sink may generate some. */
export function columnsOfCopy(source: Pick<Table, 'columns'>, copy: Table): readonly Column[] {
  const names = new Set(source.columns.map(({ name }) => name));
  return [...copy.columns, ...(copy.generatedColumns ?? []).filter(({ name }) => names.has(name))];
}

/**
 * By id: at the source every ordinary and partitioned table, where partitions belong to their root table; in
 * a sink everything that can be read like a table.
 */
export async function readCatalogue(database: Database): Promise<ReadonlyMap<string, Table>> {
  const columns = Map.groupBy(await database.query(COLUMNS_SQL), (row) => idOfRow(row.schema, row.table));
  const rows = await database.query(tablesSql(database.side));
  const ids = new Map(rows.map((row) => [row.oid ?? '', idOfRow(row.schema, row.name)]));
  const heirsOf = database.side === 'sink' ? await readHeirs(database, ids) : () => [];
  return new Map(
    rows.map((row) => {
      const table = tableOf(row, columns.get(idOfRow(row.schema, row.name)) ?? []);
      const heirs = heirsOf(row.oid ?? '');
      return [table.id, heirs.length === 0 ? table : { ...table, heirs }];
    }),
  );
}

function tableOf(row: Row, all: readonly Row[]): Table {
  const own = all.filter((column) => column.is_generated === 'false').map(columnOf);
  const generated = all
    .filter((column) => column.is_generated === 'true')
    .map((column) => ({ ...columnOf(column), isGenerated: true, expression: column.expression ?? 'NULL' }));
  const [schema, name] = [row.schema ?? '', row.name ?? ''];
  const table: Table = {
    schema,
    name,
    id: idOfRow(schema, name),
    columns: own,
    key: own.filter((column) => column.keyRank > 0).sort((a, b) => a.keyRank - b.keyRank),
    estimatedRows: Number(row.rows),
    canSelect: row.can_select === 'true',
    only: row.has_heirs === 'true',
    generated: generated.map((column) => column.name),
    generatedColumns: generated,
  };
  const heldAs = HELD_AS[row.kind ?? ''];
  if (heldAs === undefined) return table;
  // What is no table has no system columns.
  const view = `(SELECT NULL::xid AS xmin, * FROM ${relationOf(table)} AS held)`;
  return heldAs === 'a materialized view' ? { ...table, heldAs } : { ...table, heldAs, view };
}

function columnOf(row: Row): Column {
  return {
    name: row.name ?? '',
    type: row.type ?? '',
    kind: row.kind ?? 'b',
    cast: row.cast ?? 'text',
    notNull: row.not_null === 'true',
    hasDefault: row.has_default === 'true',
    keyRank: Number(row.key_rank),
    hashesBytes: row.hashes_bytes === 'true',
  };
}
