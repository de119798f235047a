import type { Database } from '../connection/postgres.ts';
import { ROWS_PER_BLOCK } from './blocks.ts';
import type { SideSql } from './side-sql.ts';
import type { TablePair } from './table-pair.ts';

/**
 * Row count and sum of row hashes of each bucket. It is a sum and not an XOR: under XOR, a wrong row that is there twice
 * would cancel itself out.
 */
export interface Digest {
  readonly rows: number;
  /** Indexed by bucket number. */
  readonly counts: Float64Array;
  /** Indexed by bucket number; modulo 2^64. */
  readonly sums: BigInt64Array;
}

const MIN_BUCKETS = 64;
/**
 * Rows per bucket that are aimed at, and the most buckets. Rows of one block mostly lie together on disk, so many buckets
 * cost the scan little. Keys that choose their buckets independently hit all buckets at random, so these must fit into a
 * processor's cache.
 */
const OF_BLOCKS = { rows: ROWS_PER_BLOCK, most: 65_536 };
const OF_KEYS = { rows: 256, most: 8_192 };

/** How many buckets to use, a power of two: enough that a bad bucket holds few rows. */
export function bucketCount({ sides }: TablePair, estimatedRows: number): number {
  const { rows, most } = sides.source.blocks === null ? OF_KEYS : OF_BLOCKS;
  const wanted = Math.max(1, estimatedRows) / rows;
  return Math.min(most, Math.max(MIN_BUCKETS, 2 ** Math.ceil(Math.log2(wanted))));
}

/**
 * Digests a table in one pass. `OFFSET 0` keeps the planner from flattening the subquery, which would compute each hash
 * twice. All buckets come back as one text: a result row per bucket would cost more than the bucket's content.
 */
export async function digest(database: Database, side: SideSql | null, buckets: number): Promise<Digest> {
  const [counts, sums] = [new Float64Array(buckets), new BigInt64Array(buckets)];
  if (side === null) return { rows: 0, counts, sums };
  const sql = `
    SELECT string_agg(b || ':' || n || ':' || s, ' ') AS all
    FROM (SELECT b, count(*) AS n, sum(h) AS s
          FROM (SELECT ${side.bucketHash} & ${buckets - 1} AS b, ${side.rowHash} AS h FROM ${side.from} OFFSET 0) hashes
          GROUP BY b) sums`;
  const { all } = await database.one(sql);
  let rows = 0;
  for (const bucket of all?.split(' ') ?? []) {
    const [at = '', count = '', sum = ''] = bucket.split(':');
    counts[Number(at)] = Number(count);
    sums[Number(at)] = BigInt(sum);
    rows += Number(count);
  }
  return { rows, counts, sums };
}

/** Numbers of the buckets that differ in count or sum. */
export function differingBuckets(a: Digest, b: Digest): readonly number[] {
  const bad: number[] = [];
  for (const [bucket, count] of a.counts.entries()) {
    if (count !== b.counts[bucket] || a.sums[bucket] !== b.sums[bucket]) bad.push(bucket);
  }
  return bad;
}
