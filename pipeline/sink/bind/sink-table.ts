import type { ClientBase } from 'pg';
import { METADATA_COLUMNS } from '../../contract/sink-tables.ts';
import { quoteIdentifier } from './quoting.ts';
import type { TableName } from './table-name.ts';

/** A column of a sink table that holds a value of the event. */
export interface SinkColumn {
  readonly name: string;
  /** `pg_type.typname`; for an array the element's. */
  readonly typeName: string;
  readonly isArray: boolean;
  /** `atttypmod`; -1 if there is none. */
  readonly typeModifier: number;
  /** As `format_type` prints it, without the modifier: a cast with a modifier would silently truncate values. */
  readonly castType: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** `GENERATED ALWAYS AS IDENTITY`: an INSERT must override it, and no UPDATE may set it. */
  readonly isAlwaysIdentity: boolean;
}

export interface SinkTable {
  readonly name: TableName;
  /**
   * The table's own rows, as SELECT, UPDATE and DELETE name them. Rows of tables that inherit from it belong to other
   * events, so it is `ONLY` the table; a partitioned table has no rows besides those of its partitions.
   */
  readonly rows: string;
  readonly columns: readonly SinkColumn[];
  readonly indexOf: ReadonlyMap<string, number>;
  /** Generated columns: the sink computes their values itself. */
  readonly generated: ReadonlySet<string>;
  /** Column sets that a primary key or a unique constraint covers, each sorted and joined by NUL. */
  readonly uniqueSets: ReadonlySet<string>;
}

/** A form of a set of columns that can be compared. */
export function columnSet(names: readonly string[]): string {
  return [...names].sort().join('\0');
}

/** True for a column that a row of these columns would leave NULL, and that refuses NULL. */
export function isUnset(column: SinkColumn, names: readonly string[]): boolean {
  return column.notNull && !column.hasDefault && !names.includes(column.name);
}

/** An identity column that updates must set, and cannot. (PostgreSQL allows a table only one.) */
export function fixedIdentity(
  table: SinkTable,
  names: readonly string[],
  keys: readonly string[],
): SinkColumn | undefined {
  if (keys.length === 0) return undefined;
  return table.columns.find(
    ({ name, isAlwaysIdentity }) => isAlwaysIdentity && names.includes(name) && !keys.includes(name),
  );
}

const COLUMNS = `
  SELECT a.attname, a.attnotnull, a.atthasdef, a.atttypmod, format_type(a.atttypid, -1) AS cast_type, c.relkind,
         a.attidentity, a.attgenerated,
         coalesce(e.typname, b.typname, t.typname) AS type_name, t.typelem <> 0 AND t.typlen = -1 AS is_array
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typlen = -1
    LEFT JOIN pg_type b ON b.oid = t.typbasetype
   WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')
     AND a.attnum > 0 AND NOT a.attisdropped
   ORDER BY a.attnum`;

const UNIQUE_SETS = `
  SELECT array_agg(a.attname::text ORDER BY a.attname COLLATE "C") AS names
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
   WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indisvalid AND i.indimmediate
     AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = i.indnatts
   GROUP BY i.indexrelid`;

interface ColumnRow {
  readonly attname: string;
  readonly attnotnull: boolean;
  readonly atthasdef: boolean;
  readonly atttypmod: number;
  readonly cast_type: string;
  readonly type_name: string;
  readonly is_array: boolean;
  readonly relkind: string;
  readonly attidentity: string;
  readonly attgenerated: string;
}

/** Names that a column of the source must not have. */
export const METADATA: ReadonlySet<string> = new Set(Object.values(METADATA_COLUMNS));

/** The table as the catalogue has it; undefined if it does not exist. Adds missing metadata columns. */
export async function loadTable(client: ClientBase, name: TableName): Promise<SinkTable | undefined> {
  const args = [name.schema, name.table];
  const { rows } = await client.query<ColumnRow>(COLUMNS, args);
  if (rows.length === 0) {
    const exists = await client.query('SELECT to_regclass($1) IS NOT NULL AS found', [name.sql]);
    const found = (exists.rows as { found: boolean }[])[0]?.found === true;
    if (!found) return undefined;
  }
  const present = new Set(rows.map((row) => row.attname));
  const missing = metadataDefinitions().filter(([column]) => !present.has(column));
  if (missing.length > 0) {
    const adds = missing.map(
      ([column, type]) => `ADD COLUMN IF NOT EXISTS ${quoteIdentifier(column)} ${type}`,
    );
    await client.query(`ALTER TABLE ${name.sql} ${adds.join(', ')}`);
  }
  const columns = rows
    .filter((row) => !METADATA.has(row.attname) && !isGenerated(row))
    .map((row) => ({
      name: row.attname,
      typeName: row.type_name,
      isArray: row.is_array,
      typeModifier: row.atttypmod,
      castType: row.cast_type,
      notNull: row.attnotnull,
      hasDefault: row.atthasdef || isIdentity(row),
      isAlwaysIdentity: row.attidentity === 'a',
    }));
  const unique = await client.query<{ names: string[] }>(UNIQUE_SETS, args);
  return {
    name,
    rows: rows[0]?.relkind === 'p' ? name.sql : `ONLY ${name.sql}`,
    columns,
    generated: new Set(rows.filter(isGenerated).map((row) => row.attname)),
    indexOf: new Map(columns.map((column, i) => [column.name, i])),
    uniqueSets: new Set(unique.rows.map((row) => columnSet(row.names))),
  };
}

const isGenerated = (row: ColumnRow): boolean => row.attgenerated !== '';
const isIdentity = (row: ColumnRow): boolean => row.attidentity !== '';

/** The metadata columns in order, with their types. */
export function metadataDefinitions(): [string, string][] {
  return [
    [METADATA_COLUMNS.op, 'text'],
    [METADATA_COLUMNS.lsn, 'text'],
    // Collation C: the order of the text is the order in time. A row that the sink did not write is older than any event.
    [METADATA_COLUMNS.position, `text COLLATE "C" NOT NULL DEFAULT ''`],
    [METADATA_COLUMNS.sourceTs, 'timestamptz'],
    [METADATA_COLUMNS.capturedAt, 'timestamptz'],
    [METADATA_COLUMNS.receivedAt, 'timestamptz'],
  ];
}
