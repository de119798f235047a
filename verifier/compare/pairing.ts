import { relationOf, type Table } from '../observe/catalogue.ts';
import { type ColumnPair, pairColumns } from './canonical.ts';

/** A source table beside its copy, and the SQL fragments by which they are compared. */
export interface TablePair {
  readonly source: Table;
  /** Undefined where the sink has no such table: compared as an empty one. */
  readonly sink: Table | undefined;
  readonly columns: readonly ColumnPair[];
  /** The key's columns; empty for a table without primary key, whose rows are told apart by their whole content. */
  readonly key: readonly ColumnPair[];
  /** `sink` is null where the sink has no such table. */
  readonly sides: { readonly source: SideSql; readonly sink: SideSql | null };
}

/** Fragments that read one side. */
export interface SideSql {
  /** What stands behind FROM, with an alias. */
  readonly from: string;
  /** 64-bit hash of the key; of the whole row where there is no key. */
  readonly keyHash: string;
  /** The whole row as one text: to be computed once where several hashes are taken of it. */
  readonly record: string;
  /** Two independent 64-bit hashes of the row. */
  readonly rowHash1: string;
  readonly rowHash2: string;
  /** The key as a JSON array of texts: no two keys have the same, whatever they hold. */
  readonly keyText: string;
}

export const SEEDS = { key: '7210403941', row1: '5577006791947779410', row2: '8674665223082153551' } as const;

/** @throws where the sink's table lacks a column of the key: then no row can be found again. */
export function pairTables(source: Table, sink: Table | undefined): TablePair {
  const columns = pairColumns(source.columns, sink === undefined ? source.columns : sink.columns);
  const key = source.key.flatMap((k) => columns.filter((pair) => pair.source.name === k.name));
  const lost = key.filter((pair) => pair.types === 'absent').map((pair) => pair.source.name);
  if (lost.length > 0) throw new Error(`the sink's ${source.name} lacks key column ${lost.join(', ')}`);
  return {
    source,
    sink,
    columns,
    key,
    sides: {
      source: sideSql(source, columns, key, 'source'),
      sink: sink === undefined ? null : sideSql(sink, columns, key, 'sink'),
    },
  };
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
  const record = recordOf(hashes(columns));
  const rowHash1 = hashOf(record, SEEDS.row1);
  return {
    from: `${relationOf(table)} AS compared`,
    record,
    rowHash1,
    rowHash2: hashOf(record, SEEDS.row2),
    keyHash: key.length === 0 ? rowHash1 : keyHash(key, hashes(key), side),
    keyText: key.length === 0 ? `(${rowHash1})::text` : `jsonb_build_array(${texts.join(', ')})::text`,
  };
}

/** Types of keys that have a quick hash of their own, as an expression over `$`. It only has to spread them. */
const QUICK: Readonly<Record<string, string>> = {
  int2: 'hashint8extended($::int8, SEED)',
  int4: 'hashint8extended($::int8, SEED)',
  int8: 'hashint8extended($, SEED)',
  uuid: 'uuid_hash_extended($, SEED)',
};

function keyHash(
  key: readonly ColumnPair[],
  expressions: readonly string[],
  side: 'source' | 'sink',
): string {
  const [only, ...more] = key;
  const quick = more.length > 0 || only?.types !== 'same' ? undefined : QUICK[only.source.type];
  if (quick === undefined) return hashOf(recordOf(expressions), SEEDS.key);
  const hash = quick.replace('$', expressions[0] ?? '').replace('SEED', SEEDS.key);
  // A copy without primary key may hold NULL there, of which these functions make none.
  return side === 'sink' && only?.sink?.notNull === false ? `coalesce(${hash}, 0)` : hash;
}

/** 64 bits of a text; the same on every version of PostgreSQL since 11, which `exact/servers.ts` puts to the test. */
export function hashOf(text: string, seed: string): string {
  return `hashtextextended(${text}, ${seed})`;
}

/**
 * The record's own text: each value as its type prints it, quoted where it holds a comma, a quote or a bracket, and
 * nothing at all for NULL, so that it can be read back in one way only. It is hashed as a whole. `hash_record_extended`
 * would add up the columns' hashes (31 times the one before, and the next), and of such sums a bucket's does not change
 * when two of its rows swap the values of a column.
 */
function recordOf(expressions: readonly string[]): string {
  return `ROW(${expressions.join(', ')})::text COLLATE "C"`;
}

/** Columns of a key by name, from the JSON array that {@link SideSql.keyText} gives. */
export function keyOf(pair: TablePair, keyText: string): Record<string, string | null> {
  if (pair.key.length === 0) return { 'hash of the row': keyText };
  const values = JSON.parse(keyText) as (string | null)[];
  return Object.fromEntries(pair.key.map((column, i) => [column.source.name, values[i] ?? null]));
}
