import { METADATA_COLUMNS, TOMBSTONES_TABLE } from '../../contract/sink-tables.ts';
import { quoteIdentifier } from '../bind/quoting.ts';
import type { SinkColumn, SinkTable } from '../bind/sink-table.ts';

const POSITION = quoteIdentifier(METADATA_COLUMNS.position);
/** The metadata columns, in the order of their parameters. `received_at` is one value for all rows. */
const PER_ROW_METADATA = [
  [METADATA_COLUMNS.op, 'text'],
  [METADATA_COLUMNS.lsn, 'text'],
  [METADATA_COLUMNS.position, 'text'],
  [METADATA_COLUMNS.sourceTs, 'timestamptz'],
  [METADATA_COLUMNS.capturedAt, 'timestamptz'],
] as const;
const RECEIVED_AT = quoteIdentifier(METADATA_COLUMNS.receivedAt);

/**
 * Parameters of {@link upsertSql} and {@link partialSql}, in order: one array per column of the shape, one per metadata
 * column, then two scalars: received_at and the table's TRUNCATE watermark. If tombstones are checked, the table's name
 * and the array of the keys' texts follow.
 */
interface RowSource {
  readonly columns: readonly SinkColumn[];
  /** `(SELECT unnest($1::uuid[]) AS c0, …) AS u` */
  readonly from: string;
  /** `u.c0`, with a cast if the value is sent as text. */
  readonly values: readonly string[];
  readonly position: string;
  readonly receivedAt: string;
  readonly watermark: string;
  /** `$12::text`; used with `u.k`. */
  readonly table: string;
}

/** The element type of the array parameter for a column. */
export function elementType(column: SinkColumn): string {
  // unnest flattens nested arrays, so the values of an array column travel as text.
  return column.isArray ? 'text' : column.castType;
}

function rowSource(columns: readonly SinkColumn[], withKeys: boolean): RowSource {
  const width = columns.length;
  const arrays = columns.map((column, i) => `unnest($${i + 1}::${elementType(column)}[]) AS c${i}`);
  PER_ROW_METADATA.forEach(([, type], i) => {
    arrays.push(`unnest($${width + i + 1}::${type}[]) AS m${i}`);
  });
  const next = width + PER_ROW_METADATA.length + 1;
  if (withKeys) arrays.push(`unnest($${next + 3}::text[]) AS k`);
  return {
    columns,
    // unnest in the select list runs in lockstep; in FROM each array would go through a separate tuplestore (decision 0010).
    from: `(SELECT ${arrays.join(', ')}) AS u`,
    values: columns.map((column, i) => (column.isArray ? `u.c${i}::${column.castType}` : `u.c${i}`)),
    position: 'u.m2 COLLATE "C"',
    receivedAt: `$${next}::timestamptz`,
    watermark: `$${next + 1}::text`,
    table: `$${next + 2}::text`,
  };
}

/** The table's columns of a shape. */
function columnsOf(table: SinkTable, shape: string): SinkColumn[] {
  return table.columns.filter((_, i) => shape[i] === '+');
}

function notOvertaken(source: RowSource, checkTombstones: boolean): string {
  const dead = checkTombstones
    ? ` AND NOT EXISTS (SELECT FROM ${TOMBSTONES_TABLE} d WHERE d.table_name = ${source.table}` +
      ` AND d.key = u.k AND d.position >= ${source.position})`
    : '';
  return `${source.position} > ${source.watermark}${dead}`;
}

export interface UpsertOptions {
  /** Columns of the conflict target; empty: plain INSERT. */
  readonly keys: readonly string[];
  readonly guard: boolean;
  readonly checkTombstones: boolean;
}

/** Inserts all rows of one shape; with keys it is an upsert, which an older position cannot win if `guard` is set. */
export function upsertSql(table: SinkTable, shape: string, options: UpsertOptions): string {
  const source = rowSource(columnsOf(table, shape), options.checkTombstones);
  const metadata = PER_ROW_METADATA.map(([name]) => quoteIdentifier(name));
  const names = [...source.columns.map((c) => quoteIdentifier(c.name)), ...metadata, RECEIVED_AT];
  const values = [...source.values, ...PER_ROW_METADATA.map((_, i) => `u.m${i}`), source.receivedAt];
  const where = options.guard
    ? notOvertaken(source, options.checkTombstones)
    : `${source.watermark} IS NOT NULL`;
  const insert =
    `INSERT INTO ${table.name.sql} AS t (${names.join(', ')})${overridingOf(table)}` +
    ` SELECT ${values.join(', ')} FROM ${source.from} WHERE ${where}`;
  if (options.keys.length === 0) return insert;
  const keys = options.keys.map(quoteIdentifier);
  const sets = names.filter((name) => !keys.includes(name)).map((name) => `${name} = EXCLUDED.${name}`);
  const guard = options.guard ? ` WHERE t.${POSITION} < EXCLUDED.${POSITION}` : '';
  return `${insert} ON CONFLICT (${keys.join(', ')}) DO UPDATE SET ${sets.join(', ')}${guard}`;
}

/** The source's values go into an identity column, too. */
function overridingOf(table: SinkTable): string {
  return table.columns.some((column) => column.isAlwaysIdentity) ? ' OVERRIDING SYSTEM VALUE' : '';
}

/** Updates the columns that were sent; a column with an unchanged TOAST value stays as it is. */
export function partialSql(table: SinkTable, shape: string, keys: readonly string[], guard: boolean): string {
  const source = rowSource(columnsOf(table, shape), false);
  const sets = source.columns
    .map((column, i) => [column.name, source.values[i]] as const)
    .filter(([name]) => !keys.includes(name))
    .map(([name, value]) => `${quoteIdentifier(name)} = ${value}`);
  PER_ROW_METADATA.forEach(([name], i) => {
    sets.push(`${quoteIdentifier(name)} = u.m${i}`);
  });
  sets.push(`${RECEIVED_AT} = ${source.receivedAt}`);
  const join = keys.map((key) => {
    const i = source.columns.findIndex((column) => column.name === key);
    return `t.${quoteIdentifier(key)} = u.c${i}`;
  });
  const overtaken = guard
    ? ` AND t.${POSITION} < ${source.position} AND ${source.position} > ${source.watermark}`
    : ` AND ${source.watermark} IS NOT NULL`;
  return (
    `UPDATE ${table.rows} AS t SET ${sets.join(', ')} FROM ${source.from}` +
    ` WHERE ${join.join(' AND ')}${overtaken}`
  );
}

/** Parameters: an array per key column ($1 …), the array of the keys' texts, that of the positions, the table's name. */
function keySource(table: SinkTable, keys: readonly string[]): { from: string; join: string; table: string } {
  const columns = keys
    .map((key) => table.columns[table.indexOf.get(key) ?? -1])
    .filter((c) => c !== undefined);
  const parameters = columns.map((column, i) => `$${i + 1}::${elementType(column)}[]`);
  const n = columns.length;
  const aliases = columns.map((_, i) => `c${i}`).join(', ');
  const join = columns
    .map((column, i) => {
      const value = column.isArray ? `u.c${i}::${column.castType}` : `u.c${i}`;
      return `t.${quoteIdentifier(column.name)} = ${value}`;
    })
    .join(' AND ');
  return {
    from: `unnest(${parameters.join(', ')}, $${n + 1}::text[], $${n + 2}::text[]) AS u(${aliases}, k, p)`,
    join,
    table: `$${n + 3}::text`,
  };
}

/** Deletes older rows and leaves a tombstone for every key; returns the keys whose delete was new to the sink. */
export function deleteSql(table: SinkTable, keys: readonly string[]): string {
  const source = keySource(table, keys);
  return (
    `WITH u AS MATERIALIZED (SELECT * FROM ${source.from}),` +
    ` gone AS (DELETE FROM ${table.rows} AS t USING u` +
    ` WHERE ${source.join} AND t.${POSITION} < u.p COLLATE "C"),` +
    ` marked AS (INSERT INTO ${TOMBSTONES_TABLE} AS d (table_name, key, position, deleted_at)` +
    ` SELECT ${source.table}, u.k, u.p, now() FROM u ON CONFLICT (table_name, key)` +
    ' DO UPDATE SET position = EXCLUDED.position, deleted_at = now() WHERE d.position < EXCLUDED.position' +
    ' RETURNING d.key) SELECT key FROM marked'
  );
}

/** Deletes rows, whatever their position. */
export function plainDeleteSql(table: SinkTable, keys: readonly string[]): string {
  const source = keySource(table, keys);
  return (
    `DELETE FROM ${table.rows} AS t USING ${source.from}` +
    ` WHERE ${source.join} AND ${source.table} IS NOT NULL AND u.k IS NOT NULL AND (u.p IS NULL OR u.p IS NOT NULL)`
  );
}

/** The position of each key in the sink: of its row or of its tombstone, whichever is newer. */
export function positionsSql(table: SinkTable, keys: readonly string[]): string {
  const source = keySource(table, keys);
  return (
    `SELECT u.k AS key, greatest(t.${POSITION}, d.position) AS position FROM ${source.from}` +
    ` LEFT JOIN ${table.rows} AS t ON ${source.join}` +
    ` LEFT JOIN ${TOMBSTONES_TABLE} d ON d.table_name = ${source.table} AND d.key = u.k` +
    ' WHERE u.p IS NULL OR u.p IS NOT NULL'
  );
}
