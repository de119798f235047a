import type { Database } from '../connection/postgres.ts';
import { ident, literal } from '../connection/postgres.ts';
import { relationOf, type Table } from '../observe/source/catalogue.ts';
import type { ColumnPair } from './column-pair.ts';
import { pairTables, type TablePair } from './table-pair.ts';
import { INTEGERS } from './types/capacity.ts';

type Side = 'source' | 'sink';

/** Keys from `from` on and before `to`; null means unbounded on that side. */
export interface KeyRange {
  readonly from: Boundary | null;
  readonly to: Boundary | null;
}
/** Values of the key's columns, in the key's order, as text. */
export type Boundary = readonly string[];

export const ALL_KEYS: KeyRange = { from: null, to: null };

/** Types whose order is the same in every database, so that a range contains the same keys on both sides. */
const ORDERED_ALIKE = new Set([
  ...['int2', 'int4', 'int8', 'oid', 'numeric', 'uuid', 'bool', 'bytea', 'date', 'time', 'timestamp'],
  ...['timestamptz', 'interval', 'inet', 'cidr', 'macaddr'],
]);

/** How to order by a key column on one side. Texts are ordered by bytes, because collations differ between databases. */
function ordered({ source, sink, types, sourceText, sinkText, configured }: ColumnPair, side: Side) {
  const integers = INTEGERS.includes(source.type) && INTEGERS.includes(sink?.type ?? source.type);
  const column = ident(source.name);
  // The boundary may be of the wider integer type: an index on the narrower type serves the comparison as well.
  if (integers) return { by: column, text: `${column}::text`, cast: '::int8' };
  if (types === 'same' && configured === undefined && ORDERED_ALIKE.has(source.type)) {
    return {
      by: column,
      text: `${column}::text`,
      cast: `::${(side === 'source' ? source : (sink ?? source)).cast}`,
    };
  }
  const text = side === 'source' ? sourceText : sinkText;
  return { by: text, text, cast: '::text COLLATE "C"' };
}

/** SQL condition that selects the keys of a range in one side's table; `true` for all keys. */
export function inRange(pair: TablePair, { from, to }: KeyRange, side: Side): string {
  const columns = pair.key.map((column) => ordered(column, side));
  const left = `ROW(${columns.map(({ by }) => by).join(', ')})`;
  const right = (boundary: Boundary): string =>
    `ROW(${columns.map(({ cast }, i) => `${literal(boundary[i] ?? '')}${cast}`).join(', ')})`;
  const conditions: string[] = [];
  if (from !== null) conditions.push(`${left} >= ${right(from)}`);
  if (to !== null) {
    // A copy without primary key may hold NULL in a key column, which no comparison selects: it counts as the first range.
    const nullable =
      side === 'sink' && from === null ? pair.key.filter(({ sink }) => sink?.notNull === false) : [];
    const nulls = nullable.map(({ source }) => ` OR ${ident(source.name)} IS NULL`).join('');
    conditions.push(`(${left} < ${right(to)}${nulls})`);
  }
  return conditions.length === 0 ? 'true' : conditions.join(' AND ');
}

/** The pair limited to the keys of a range. */
export function partOf(pair: TablePair, range: KeyRange): TablePair {
  if (range.from === null && range.to === null) return pair;
  const limited = (table: Table, side: Side): Table => ({
    ...table,
    view: `(SELECT ${table.view === undefined ? 'xmin, *' : '*'} FROM ${relationOf(table)} AS whole
            WHERE ${inRange(pair, range, side)})`,
  });
  return pairTables(limited(pair.source, 'source'), pair.sink && limited(pair.sink, 'sink'));
}

/**
 * Finds where a range that begins at `from` must end, so that neither side has many more than `rows` rows in it. Null if
 * it may extend to the end. Both databases must be inside their snapshots.
 */
export async function boundaryAfter(
  databases: { readonly source: Database; readonly sink: Database },
  pair: TablePair,
  from: Boundary | null,
  rows: number,
): Promise<Boundary | null> {
  const ours = await nthKey(databases.source, pair, 'source', { from, to: null }, rows);
  if (pair.sink === undefined) return ours;
  // Surplus rows of the sink must not make a range too large.
  const theirs = await nthKey(databases.sink, pair, 'sink', { from, to: ours }, 2 * rows);
  return theirs === null
    ? ours
    : ((await nthKey(databases.sink, pair, 'sink', { from, to: ours }, rows)) ?? ours);
}

async function nthKey(
  database: Database,
  pair: TablePair,
  side: Side,
  range: KeyRange,
  rows: number,
): Promise<Boundary | null> {
  const table = side === 'source' ? pair.source : pair.sink;
  if (table === undefined) return null;
  const columns = pair.key.map((column) => ordered(column, side));
  const notNull = pair.key.map(({ source }) => `${ident(source.name)} IS NOT NULL`).join(' AND ');
  const [row] = await database.query(
    `SELECT ${columns.map(({ text }, i) => `${text} AS c${i}`).join(', ')} FROM ${relationOf(table)} AS whole
     WHERE ${inRange(pair, range, side)} AND ${notNull}
     ORDER BY ${columns.map(({ by }) => by).join(', ')} OFFSET ${Math.floor(rows)} LIMIT 1`,
  );
  if (row === undefined) return null;
  const boundary = columns.map((_, i) => row[`c${i}`] ?? '');
  // A range must contain a key. If one key has this many rows (in a copy without primary key), they stay together.
  return range.from !== null && boundary.every((value, i) => value === range.from?.[i]) ? null : boundary;
}
