import { columnsOfCopy, comparedColumns, relationOf, type Table } from '../observe/source/catalogue.ts';
import { blocksOf } from './blocks.ts';
import { type ColumnPair, pairColumns } from './column-pair.ts';
import { hashOf, ofText } from './hash.ts';
import type { SideSql } from './side-sql.ts';

/** A source table, its copy, and the SQL fragments that compare them. */
export interface TablePair {
  readonly source: Table;
  /** Undefined if the sink has no such table: its rows are then all missing, and the table is *absent*. */
  readonly sink: Table | undefined;
  readonly columns: readonly ColumnPair[];
  /** The key's columns. Empty for a table without primary key, whose rows are identified by their whole content. */
  readonly key: readonly ColumnPair[];
  /** `sink` is null if the sink has no such table. */
  readonly sides: { readonly source: SideSql; readonly sink: SideSql | null };
  /**
   * At the source, the hash of a row of the sink that has the values as they were before a setting of the capture changed
   * them; null if no setting does. Such a row is right too: it was not written by the capture.
   */
  readonly unchangedHash: string | null;
}

/** The text that the source has for a column of a row whose values were not changed by a setting. */
export function unchangedText({ sourceText, configured }: ColumnPair): string {
  return configured?.mayKeep === true ? configured.unchangedText : sourceText;
}

/**
 * @throws if the sink's table lacks a key column, or has one of a type that cannot be compared: then a row of the source
 *   could not be looked up in it.
 */
export function pairTables(source: Table, copy: Table | undefined): TablePair {
  const sink = copy === undefined ? undefined : { ...copy, only: source.only && copy.only };
  const columns = pairColumns(
    comparedColumns(source, sink),
    sink === undefined ? source.columns : columnsOfCopy(source, sink),
  );
  const key = source.key.flatMap((k) => columns.filter((pair) => pair.source.name === k.name));
  const lost = key.filter((pair) => pair.types === 'absent').map((pair) => pair.source.name);
  if (lost.length > 0) throw new Error(`the sink's ${source.name} lacks key column ${lost.join(', ')}`);
  for (const { source: column, types, says } of key) {
    if (types === 'incomparable') throw new Error(`key column ${column.name} cannot be compared: ${says}`);
  }
  return {
    source,
    sink,
    columns,
    key,
    sides: {
      source: sideSql(source, columns, key, 'source'),
      sink: sink === undefined ? null : sideSql(sink, columns, key, 'sink'),
    },
    unchangedHash: columns.some(({ configured }) => configured?.mayKeep === true)
      ? hashOf(
          columns.map((c) => (c.configured === undefined ? c.sourceHash : ofText(unchangedText(c)))),
          'row',
        )
      : null,
  };
}

/** Whether a setting of the capture changes, or may change, values of the table. */
export function isConfigured({ columns }: TablePair): boolean {
  return columns.some(({ configured }) => configured !== undefined);
}

/** The planner's estimate for the larger side; 0 if it has none. */
export function estimatedRows({ source, sink }: TablePair): number {
  return Math.max(source.estimatedRows, sink?.estimatedRows ?? 0, 0);
}

function sideSql(
  table: Table,
  columns: readonly ColumnPair[],
  key: readonly ColumnPair[],
  side: 'source' | 'sink',
): SideSql {
  const hashes = (of: readonly ColumnPair[]) =>
    of.map((c) => (side === 'source' ? c.sourceHash : c.sinkHash));
  const texts = key.map((c) => (side === 'source' ? c.sourceText : c.sinkText));
  const rowHash = hashOf(hashes(columns), 'row');
  const keyHash = key.length === 0 ? rowHash : hashOf(hashes(key), 'key');
  const blocks = blocksOf(key, side);
  return {
    from: `${relationOf(table)} AS compared`,
    rowHash,
    keyHash,
    bucketHash: blocks?.hash ?? keyHash,
    blocks,
    keyText: key.length === 0 ? `(${rowHash})::text` : `jsonb_build_array(${texts.join(', ')})::text`,
  };
}

/** The key's values by column name, from the JSON array that {@link SideSql.keyText} gives. */
export function keyOf(pair: TablePair, keyText: string): Record<string, string | null> {
  if (pair.key.length === 0) return { 'hash of the row': keyText };
  const values = JSON.parse(keyText) as (string | null)[];
  return Object.fromEntries(pair.key.map((column, i) => [column.source.name, values[i] ?? null]));
}
