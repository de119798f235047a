import type { ColumnPair } from '../compare/column-pair.ts';
import type { WrongRow } from '../compare/settle.ts';
import type { SideSql } from '../compare/side-sql.ts';
import type { TablePair } from '../compare/table-pair.ts';
import { ident, literal } from '../connection/postgres.ts';
import type { ForeignKey } from '../observe/source/foreign-keys.ts';
import type { TableRules } from './sink-rules.ts';

/** A table of the sink that is to be repaired. */
export interface Target {
  readonly pair: TablePair;
  readonly side: SideSql;
  /** Quoted and schema-qualified, without ONLY. */
  readonly name: string;
  /** As a statement names it: with ONLY, if other tables inherit from it and are compared separately. */
  readonly rows: string;
  /** Names of columns that differ, from the source's to the sink's. */
  readonly names: Readonly<Record<string, string>>;
  readonly rules: TableRules;
  /** Foreign keys whose action or check would follow a DELETE at once. */
  readonly referring: readonly ForeignKey[];
}

/** One column of a wrong row, with both values. */
export interface Cell {
  readonly column: ColumnPair;
  /** The column's name in the sink, not quoted. */
  readonly name: string;
  readonly ours: string | null;
  readonly theirs: string | null;
}

/** The columns of a row that the sink has. */
export function cellsOf({ pair, names }: Target, row: WrongRow): readonly Cell[] {
  return pair.columns.flatMap((column, i) => {
    if (column.sink === undefined || column.sink.isGenerated === true) return [];
    const name = names[column.source.name] ?? column.source.name;
    return [{ column, name, ours: row.source.image?.[i] ?? null, theirs: row.sink.image?.[i] ?? null }];
  });
}

/** Inserts the source's row if the sink has none of that key. */
export function insertion(target: Target, row: WrongRow, isReplacement: boolean): string {
  const cells = cellsOf(target, row);
  const { always, uniques } = target.rules;
  const overriding = cells.some(({ name }) => always.includes(name)) ? ' OVERRIDING SYSTEM VALUE' : '';
  const values = cells.map(({ column, ours }) => typed(column, ours)).join(', ');
  // A deferrable constraint cannot decide a conflict. A row that was deleted above must come back, or nothing happens.
  const decides = !isReplacement && uniques.every(({ isImmediate }) => isImmediate);
  return `INSERT INTO ${target.name} (${cells.map(({ name }) => ident(name)).join(', ')})${overriding} SELECT ${values}
  WHERE NOT EXISTS (SELECT FROM ${target.rows} WHERE ${keyIs(target, row, 'real')})${decides ? ' ON CONFLICT DO NOTHING' : ''};`;
}

/** Deletes the sink's row if it is still the one that was seen, and if no row depends on it. */
export function deletion(target: Target, row: WrongRow): string {
  const free = target.referring.map((key) => {
    const equal = key.columns.map(({ name, referenced, operator, collation, isPeriod }) => {
      const by = collation === null ? '' : ` COLLATE ${collation}`;
      const [theirs, own] = [`other.${ident(name)}`, `gone.${ident(referenced)}`];
      return isPeriod ? `${own} && ${theirs}` : `(${own})${by} ${operator} (${theirs})${by}`;
    });
    const apart = '(other.tableoid, other.ctid) <> (gone.tableoid, gone.ctid)';
    return ` AND NOT EXISTS (SELECT FROM ${key.relation} AS other WHERE ${[...equal, apart].join(' AND ')})`;
  });
  return `DELETE FROM ${target.rows} AS gone WHERE ${asSeen(target, row)}${free.join('')};`;
}

/** Gives the sink's row the source's values in these columns, if it is still the one that was seen. */
export function update(
  target: Target,
  row: WrongRow,
  cells: readonly Cell[],
  parked: readonly string[],
): string {
  const set = cells.map(({ name, column, ours }) => `${ident(name)} = ${typed(column, ours)}`);
  return `UPDATE ${target.rows} SET ${set.join(', ')} WHERE ${asSeen(target, row, parked)};`;
}

/** Sets columns to NULL until every row that exchanges its unique values has given them up. */
export function parking(target: Target, row: WrongRow, parked: readonly string[]): string {
  const set = parked.map((name) => `${ident(name)} = NULL`);
  return `UPDATE ${target.rows} SET ${set.join(', ')} WHERE ${asSeen(target, row)};`;
}

/**
 * True for the row that was seen, in every column that was compared. Other rows can have an equal key, under a
 * nondeterministic collation or in a table that inherits, so the row itself is addressed.
 */
function asSeen(target: Target, row: WrongRow, parked: readonly string[] = []): string {
  const same = cellsOf(target, row).map(({ name, column, theirs }) => {
    const value = theirs === null || parked.includes(name) ? 'NULL' : literal(theirs);
    return `${column.sinkText} IS NOT DISTINCT FROM ${value}`;
  });
  const seen = [keyIs(target, row, 'compared'), ...same].join(' AND ');
  return `${keyIs(target, row, 'real')}
  AND (tableoid, ctid) IN (SELECT tableoid, ctid FROM ${target.side.from} WHERE ${seen})`;
}

/** `real`: by the names in the sink's table. `compared`: by those of the comparison, which are the source's. */
function keyIs({ pair, names }: Target, row: WrongRow, by: 'real' | 'compared'): string {
  const values = JSON.parse(row.keyText) as (string | null)[];
  const parts = pair.key.map((column, i) => {
    const { name } = column.source;
    const at = ident(by === 'real' ? (names[name] ?? name) : name);
    const value = values[i] ?? null;
    if (value === null) return `${at} IS NULL`;
    const { cast, kind } = column.sink ?? column.source;
    // The operators of an extension's type are not in `pg_catalog`, where alone they would be looked up.
    return cast.includes('.') && kind === 'b'
      ? `(${at})::text COLLATE "C" = ${literal(value)}`
      : `${at} = ${typed(column, value)}`;
  });
  return parts.join(' AND ');
}

function typed({ source, sink }: ColumnPair, text: string | null): string {
  const { type, cast } = sink ?? source;
  const beyondAscii = type === 'char' ? /^\\([0-7]{3})$/.exec(text ?? '') : null;
  // Before 15, "char" reads `\303` as a backslash. A cast from a signed integer yields that byte in every version.
  if (beyondAscii !== null) return `(${Number.parseInt(beyondAscii[1] ?? '', 8) - 256})::${cast}`;
  return `${text === null ? 'NULL' : literal(text)}::${cast}`;
}
