import type { Database } from '../connection/postgres.ts';
import { fromBlocks } from './blocks.ts';
import type { SideSql } from './side-sql.ts';
import type { TablePair } from './table-pair.ts';

/** Rows of one side that are compared one by one. */
interface SelectedRows {
  /** FROM item that replaces the table. */
  readonly from: string;
  /** Joined by AND. */
  readonly conditions: readonly string[];
  /** Of the placeholders `$1`, `$2`, … */
  readonly values: readonly unknown[];
  readonly byIndex: boolean;
}

/** Rows of both sides that are compared one by one. */
export interface Selection {
  readonly source: SelectedRows;
  /** Null if the sink has no such table. */
  readonly sink: SelectedRows | null;
  /** An index finds the rows on both sides, so reading them a second time costs no scan. */
  readonly byIndex: boolean;
}

export function everyRow({ sides: { source, sink } }: TablePair): Selection {
  const every = ({ from }: SideSql): SelectedRows => ({ from, conditions: [], values: [], byIndex: false });
  return { source: every(source), sink: sink === null ? null : every(sink), byIndex: false };
}

/** The buckets that differ. */
export interface SomeBuckets {
  readonly bad: readonly number[];
  /** How many buckets there are in total, good ones included. */
  readonly buckets: number;
  /** About how many rows the table has. */
  readonly rows: number;
}

/** Selects the rows of the buckets that differ. Both databases must be inside a snapshot. */
export async function rowsOfBuckets(
  source: Database,
  sink: Database,
  { sides }: TablePair,
  some: SomeBuckets,
): Promise<Selection> {
  const [ours, theirs] = await Promise.all([
    inBuckets(source, sides.source, some),
    sides.sink === null ? null : inBuckets(sink, sides.sink, some),
  ]);
  return { source: ours, sink: theirs, byIndex: ours.byIndex && theirs?.byIndex !== false };
}

async function inBuckets(database: Database, side: SideSql, some: SomeBuckets): Promise<SelectedRows> {
  const { bad, buckets, rows } = some;
  const values = [bad.map(String)];
  const blocks = await fromBlocks(database, side, { buckets, rows, bad: '$1' });
  if (blocks !== null) return { from: blocks, conditions: [], values, byIndex: true };
  const conditions = [`(${side.bucketHash} & ${buckets - 1}) IN (SELECT unnest($1::bigint[]))`];
  return { from: side.from, conditions, values, byIndex: false };
}

/** Narrows a selection to the rows whose keys have one of these hashes. */
export function withKeys(pair: TablePair, selection: Selection, hashes: readonly bigint[]): Selection {
  const only = (rows: SelectedRows, { from, keyHash }: SideSql): SelectedRows => {
    // If it takes a scan anyway, the hash of the key alone is the cheaper condition.
    const within = rows.byIndex ? rows : { ...rows, from, conditions: [], values: [] };
    const given = `$${within.values.length + 1}::bigint[]`;
    return {
      ...within,
      conditions: [...within.conditions, `${keyHash} IN (SELECT unnest(${given}))`],
      values: [...within.values, hashes.map(String)],
    };
  };
  const { source, sink } = pair.sides;
  return {
    ...selection,
    source: only(selection.source, source),
    sink: selection.sink === null || sink === null ? null : only(selection.sink, sink),
  };
}

/** SQL that goes after FROM: the rows and their conditions. */
export function fromSelected({ from, conditions }: SelectedRows): string {
  return conditions.length === 0 ? from : `${from} WHERE ${conditions.join(' AND ')}`;
}
