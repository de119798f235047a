import { type Database, ident } from '../connection/postgres.ts';
import type { Column } from '../observe/source/catalogue.ts';
import type { ColumnPair } from './column-pair.ts';
import { blockHash } from './hash.ts';
import type { Blocks, SideSql } from './side-sql.ts';
import { INTEGERS } from './types/capacity.ts';

const BLOCK_BITS = 6;
export const ROWS_PER_BLOCK = 2 ** BLOCK_BITS;

/** How that side's rows are grouped into blocks; null unless the key is a single integer on both sides. */
export function blocksOf(key: readonly ColumnPair[], side: 'source' | 'sink'): Blocks | null {
  const [only, ...others] = key;
  if (only === undefined || others.length > 0) return null;
  const { source, sink } = only;
  if (!isInteger(source) || (sink !== undefined && !isInteger(sink))) return null;
  const own = side === 'source' ? source : (sink ?? source);
  const at = ident(source.name);
  const hash = blockHash(own.type)(`(${at} >> ${BLOCK_BITS})`);
  return { hash, indexed: own.keyRank === 1 ? at : null };
}

function isInteger({ kind, type }: Column): boolean {
  return kind === 'b' && INTEGERS.includes(type);
}

/**
 * Blocks are enumerated only if there are at most this many times more of them than full blocks would need, plus
 * {@link FEW_BLOCKS}. Beyond that the keys are too sparse, and a scan is cheaper.
 */
const SPARSE = 8;
const FEW_BLOCKS = 10_000;
/** A column name that no table is expected to use. */
const BLOCK = ident('cdc-lab block');

/**
 * A FROM item that replaces the table and reads the rows of some buckets by the key's index. Null if there is no such
 * index, or if keys are so far apart that there would be too many blocks. The database must be inside a snapshot.
 *
 * `OFFSET 0` keeps the planner from flattening the subquery. Otherwise it could evaluate the caller's conditions, which
 * hash columns, before the index has limited the rows.
 * @param rows About how many the table has.
 * @param bad SQL for the buckets' numbers, a bigint[]: usually the placeholder `$1`.
 */
export async function fromBlocks(
  database: Database,
  side: SideSql,
  { buckets, rows, bad }: { buckets: number; rows: number; bad: string },
): Promise<string | null> {
  const at = side.blocks?.indexed ?? null;
  if (at === null) return null;
  const ends = await database.one(`
    SELECT (min(${at}) >> ${BLOCK_BITS})::text AS first, (max(${at}) >> ${BLOCK_BITS})::text AS last
    FROM ${side.from}`);
  const [first, last] = [BigInt(ends.first ?? 0), BigInt(ends.last ?? 0)];
  if (last - first > BigInt(Math.ceil((rows * SPARSE) / ROWS_PER_BLOCK) + FEW_BLOCKS)) return null;
  return `(
    SELECT own.* FROM generate_series(${first}::int8, ${last}::int8) AS blocks(${BLOCK})
    JOIN LATERAL (
      SELECT * FROM ${side.from}
      WHERE ${at} >= ${BLOCK} << ${BLOCK_BITS} AND ${at} <= (${BLOCK} << ${BLOCK_BITS}) + ${ROWS_PER_BLOCK - 1}
    ) AS own ON true
    WHERE ${blockHash('int8')(BLOCK)} & ${buckets - 1} = ANY (${bad}::int8[])
    OFFSET 0
  ) AS compared`;
}
