import type { Client } from 'pg';
import type { ColumnDescription, TableDescription } from '../../contract/table.ts';
import type { Attribute } from './match-columns.ts';

/** A table of the publication. */
export interface PublishedTable {
  readonly schema: string;
  readonly table: string;
  /** Names of the published columns; generated ones only if the publication has them (PostgreSQL 18 and later). */
  readonly columns: readonly string[];
  /** The publication's WHERE clause, as SQL; null if there is none. */
  readonly rowFilter: string | null;
}

/** A table as it exists now. A table that is dropped and created again keeps its name and gets a new oid. */
export interface ExistingTable {
  readonly schema: string;
  readonly table: string;
  readonly oid: string;
}

interface CatalogueColumn extends ColumnDescription {
  readonly storage: string;
  /** `stored` or `virtual`, which no publication can contain; null for a column that is not generated. */
  readonly generated: 'stored' | 'virtual' | null;
}
export interface CatalogueTable {
  readonly relationOid: number;
  readonly schema: string;
  readonly table: string;
  /** True for a partitioned table, which has its rows in its partitions. */
  readonly partitioned: boolean;
  readonly replicaIdentity: TableDescription['replicaIdentity'];
  readonly keyDeferrable: boolean;
  readonly columns: readonly CatalogueColumn[];
  /** Names of the primary key's columns, in key order; empty if there is none. */
  readonly key: readonly string[];
  /** The planner's estimate; -1 if the table was never analyzed. */
  readonly estimatedRows: number;
  /** Every column by attribute number, dropped ones too. */
  readonly attributes: readonly Attribute[];
}

const COLUMNS_SQL = `
  WITH RECURSIVE base AS (
    SELECT a.attnum, a.attname, a.atttypid AS type, a.atttypmod AS modifier, a.attnotnull, a.attstorage,
           a.attgenerated, a.atthasdef
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attnum, b.attname, t.typbasetype, CASE WHEN b.modifier = -1 THEN t.typtypmod ELSE b.modifier END,
           b.attnotnull OR t.typnotnull, b.attstorage, b.attgenerated, b.atthasdef
    FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
  )
  SELECT b.attname AS name, t.oid AS type_oid, t.typname AS type_name, b.modifier, t.typtype AS type_kind,
         e.oid AS element_oid, e.typname AS element_name, e.typtype AS element_kind,
         (SELECT pg_catalog.json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_catalog.pg_enum l
          WHERE l.enumtypid = COALESCE(e.oid, t.oid)) AS labels,
         b.attnotnull AS not_null, b.attstorage AS storage, b.attgenerated AS generated,
         CASE WHEN b.atthasdef AND b.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS default_sql,
         -- Without the columns that the index only includes; array slices are 1-based.
         COALESCE(pg_catalog.array_position((i.indkey::int2[])[0:i.indnkeyatts - 1], b.attnum), 0) AS key_rank
  FROM base b
  JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype <> 'd'
  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = $1 AND d.adnum = b.attnum
  LEFT JOIN pg_catalog.pg_index i ON i.indrelid = $1 AND i.indisprimary
  ORDER BY b.attnum`;

const TABLE_SQL = `
  SELECT c.oid, n.nspname AS schema, c.relname AS table, c.relreplident AS identity, c.reltuples AS rows, c.relkind AS kind,
         (SELECT pg_catalog.json_agg(CASE WHEN NOT a.attisdropped THEN a.attname END ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0) AS attributes,
         COALESCE((SELECT NOT i.indimmediate FROM pg_catalog.pg_index i
                   WHERE i.indrelid = c.oid AND i.indisprimary), false) AS deferrable
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`;

const IDENTITIES = { d: 'default', n: 'nothing', f: 'full', i: 'index' } as const;

/** Tables of a publication, with their published columns. Column lists and row filters need PostgreSQL ≥ 15. */
export async function publishedTables(client: Client, publication: string): Promise<PublishedTable[]> {
  const { rows } = await client.query<{
    schema: string;
    table: string;
    columns: string;
    filter: string | null;
  }>(
    `SELECT schemaname AS schema, tablename AS table, pg_catalog.to_json(attnames) AS columns, rowfilter AS filter
     FROM pg_catalog.pg_publication_tables WHERE pubname = $1 ORDER BY 1, 2`,
    [publication],
  );
  return rows.map((row) => ({
    schema: row.schema,
    table: row.table,
    columns: (JSON.parse(row.columns) as string[] | null) ?? [],
    rowFilter: row.filter,
  }));
}

/**
 * Permanent ordinary tables of the database, without those of system schemas. A partitioned table that the publication
 * has as one table (`publish_via_partition_root`) takes the place of its partitions, as it does in the stream.
 */
export async function allTables(client: Client, publication: string): Promise<ExistingTable[]> {
  const { rows } = await client.query<ExistingTable>(
    `WITH roots AS (
       SELECT c.oid FROM pg_catalog.pg_publication_tables p
       JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname
       JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
       WHERE p.pubname = $1 AND c.relkind = 'p')
     SELECT n.nspname AS schema, c.relname AS table, c.oid
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
       AND (c.oid IN (SELECT oid FROM roots) OR c.relkind = 'r' AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) a WHERE a.relid IN (SELECT oid FROM roots)))
     ORDER BY 1, 2`,
    [publication],
  );
  return rows;
}

/** What the catalogue says about a table; undefined if there is none of that name. */
export async function lookUpTable(
  client: Client,
  schema: string,
  table: string,
): Promise<CatalogueTable | undefined> {
  const { rows } = await client.query<TableRow>(
    `${TABLE_SQL} WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`,
    [schema, table],
  );
  return rows[0] === undefined ? undefined : await complete(client, rows[0]);
}

/** The same by oid, which a renamed table keeps. */
export async function lookUpRelation(client: Client, oid: number): Promise<CatalogueTable | undefined> {
  const { rows } = await client.query<TableRow>(`${TABLE_SQL} WHERE c.oid = $1`, [oid]);
  return rows[0] === undefined ? undefined : await complete(client, rows[0]);
}

interface TableRow {
  readonly oid: string;
  readonly schema: string;
  readonly table: string;
  readonly identity: keyof typeof IDENTITIES;
  readonly rows: string;
  readonly kind: string;
  readonly deferrable: string;
  readonly attributes: string | null;
}
/** A row of {@link COLUMNS_SQL}. */
export interface ColumnRow {
  readonly name: string;
  readonly type_oid: string;
  readonly type_name: string;
  readonly modifier: string;
  readonly type_kind: string;
  readonly element_oid: string | null;
  readonly element_name: string | null;
  readonly element_kind: string | null;
  readonly labels: string | null;
  readonly not_null: string;
  readonly storage: string;
  readonly generated: string;
  readonly default_sql: string | null;
  readonly key_rank: string;
}

async function complete(client: Client, row: TableRow): Promise<CatalogueTable> {
  const { rows } = await client.query<ColumnRow>(COLUMNS_SQL, [row.oid]);
  const columns = rows.map(toColumn);
  const key = columns.filter((column) => column.keyRank > 0).sort((a, b) => a.keyRank - b.keyRank);
  return {
    relationOid: Number(row.oid),
    schema: row.schema,
    table: row.table,
    partitioned: row.kind === 'p',
    replicaIdentity: IDENTITIES[row.identity],
    keyDeferrable: row.deferrable === 't',
    columns,
    key: key.map((column) => column.name),
    estimatedRows: Number(row.rows),
    attributes: JSON.parse(row.attributes ?? '[]') as Attribute[],
  };
}

export function toColumn(row: ColumnRow): CatalogueColumn {
  return {
    name: row.name,
    typeOid: Number(row.type_oid),
    typeName: row.type_name,
    typeModifier: Number(row.modifier),
    typeKind: row.type_kind,
    elementType:
      row.element_oid === null
        ? null
        : {
            typeOid: Number(row.element_oid),
            typeName: row.element_name ?? '',
            typeKind: row.element_kind ?? 'b',
          },
    enumLabels: row.labels === null ? null : (JSON.parse(row.labels) as string[]),
    notNull: row.not_null === 't',
    defaultText: constantOf(row.default_sql),
    defaultExpression: row.default_sql,
    keyRank: Number(row.key_rank),
    storage: row.storage,
    generated: GENERATED[row.generated] ?? null,
  };
}

/**
 * The value of a constant DEFAULT, from its SQL as `pg_get_expr` prints it: `'new'::order_status`, `42`, `'-1'::integer`,
 * `true`. Null if it is NULL or has to be computed.
 */
export function constantOf(sql: string | null): string | null {
  if (sql === null) return null;
  if (/^\(?-?\d+(\.\d+)?\)?(::[\w\s".(),[\]]+)?$/.test(sql)) return /-?\d+(\.\d+)?/.exec(sql)?.[0] ?? null;
  if (sql === 'true' || sql === 'false') return sql === 'true' ? 't' : 'f';
  const quoted = /^'((?:[^']|'')*)'(?:::[\w\s".(),[\]]+)?$/.exec(sql);
  return quoted?.[1] === undefined ? null : quoted[1].replaceAll("''", "'");
}

/** `pg_attribute.attgenerated`. */
const GENERATED: Readonly<Record<string, CatalogueColumn['generated']>> = { s: 'stored', v: 'virtual' };

/** What a publication has of a table that it does not list columns of. @param hasStored It has stored generated ones. */
export function columnsByDefault(table: CatalogueTable, hasStored: boolean): string[] {
  const isPublished = ({ generated }: CatalogueColumn): boolean =>
    generated === null || (generated === 'stored' && hasStored);
  return table.columns.filter(isPublished).map(({ name }) => name);
}

/** A table as a snapshot reads it: the published columns, in the catalogue's order. */
export function describeForSnapshot(table: CatalogueTable, published: readonly string[]): TableDescription {
  const names = new Set(published);
  return {
    relationOid: table.relationOid,
    schema: table.schema,
    table: table.table,
    replicaIdentity: table.replicaIdentity,
    columns: table.columns.filter((column) => names.has(column.name)),
  };
}
