import type { Database } from '../connection/postgres.ts';
import { ROWS_PER_BLOCK } from './blocks.ts';
import { fromSelected, type Selection } from './selection.ts';
import type { SideSql } from './side-sql.ts';
import type { TablePair } from './table-pair.ts';

/** Rows of each bucket of keys, and the sum of their hashes: not XOR, for two equal wrong rows would cancel. */
export interface Digest {
  readonly rows: number;
  /** By the bucket's number. */
  readonly counts: Float64Array;
  /** By the bucket's number, modulo 2^64. */
  readonly sums: BigInt64Array;
}

/** One key whose two sides differ in the two snapshots: perhaps wrong, perhaps only under way. */
export interface Suspect {
  /** As {@link SideSql.keyHash} gives it. */
  readonly keyHash: bigint;
  /** The key as {@link SideSql.keyText} gives it; null for one that is only counted. */
  readonly keyText: string | null;
  readonly sourceRows: number;
  readonly sinkRows: number;
}

const MIN_BUCKETS = 64;
/**
 * Rows of one block mostly lie together, so that many buckets cost the scan little. A key by itself may fall into any
 * bucket, and they must be so few that a processor's cache holds them.
 */
const OF_BLOCKS = { rows: ROWS_PER_BLOCK, most: 65_536 };
const OF_KEYS = { rows: 256, most: 8_192 };

/** A power of two: enough buckets that a bad one holds few rows. */
export function bucketCount({ sides }: TablePair, estimatedRows: number): number {
  const { rows, most } = sides.source.blocks === null ? OF_KEYS : OF_BLOCKS;
  const wanted = Math.max(1, estimatedRows) / rows;
  return Math.min(most, Math.max(MIN_BUCKETS, 2 ** Math.ceil(Math.log2(wanted))));
}

/**
 * The grouped scan, in one pass. `OFFSET 0` keeps the planner from flattening the subquery: it would hash twice. The
 * answer is one text: a row of the result for each bucket costs more than what is in it.
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

/** Buckets that differ in count or sum. */
export function differingBuckets(a: Digest, b: Digest): readonly number[] {
  const bad: number[] = [];
  for (const [bucket, count] of a.counts.entries()) {
    if (count !== b.counts[bucket] || a.sums[bucket] !== b.sums[bucket]) bad.push(bucket);
  }
  return bad;
}

/** One row of the drill-down, as the cursors give it. */
interface Line {
  readonly keyHash: bigint;
  readonly keyText: string;
  readonly rowHash: string;
}

/**
 * The keys whose rows differ, of those that are selected: a merge of two streams ordered by the key's hash.
 * Holds the rows of one hash at a time. Both databases must be inside a snapshot.
 */
export async function* drillDown(
  source: Database,
  sink: Database,
  { sides }: TablePair,
  selection: Selection,
): AsyncGenerator<Suspect> {
  const left = groups(lines(source, sides.source, selection.source));
  const right = groups(lines(sink, sides.sink, selection.sink));
  try {
    // Asked for at once: both servers scan at the same time.
    let [a, b] = await Promise.all([left.next(), right.next()]);
    while (a.done !== true || b.done !== true) {
      const hash = lower(
        a.done === true ? undefined : a.value.hash,
        b.done === true ? undefined : b.value.hash,
      );
      const ours = a.done !== true && a.value.hash === hash ? a.value.rows : EMPTY;
      const theirs = b.done !== true && b.value.hash === hash ? b.value.rows : EMPTY;
      yield* compareGroup(hash, ours, theirs);
      [a, b] = await Promise.all([ours === EMPTY ? a : left.next(), theirs === EMPTY ? b : right.next()]);
    }
  } finally {
    await Promise.all([left.return(undefined), right.return(undefined)]);
  }
}

/** Rows of one key. */
interface Rows {
  readonly keyText: string;
  count: number;
  /** Of the different images, the first few. */
  readonly hashes: string[];
}
const EMPTY: readonly Rows[] = [];

function lower(a: bigint | undefined, b: bigint | undefined): bigint {
  if (a === undefined) return b ?? 0n;
  return b === undefined || a < b ? a : b;
}

function* compareGroup(keyHash: bigint, ours: readonly Rows[], theirs: readonly Rows[]): Generator<Suspect> {
  for (const own of ours) {
    const other = theirs.find(({ keyText }) => keyText === own.keyText);
    if (other !== undefined && own.count === other.count && sameSet(own.hashes, other.hashes)) continue;
    yield { keyHash, keyText: own.keyText, sourceRows: own.count, sinkRows: other?.count ?? 0 };
  }
  for (const other of theirs) {
    if (ours.some(({ keyText }) => keyText === other.keyText)) continue;
    yield { keyHash, keyText: other.keyText, sourceRows: 0, sinkRows: other.count };
  }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((hash) => b.includes(hash));
}

/** Different images of one key that are kept apart; beyond, the key differs anyway. */
const MAX_IMAGES = 16;

/** Nearly every hash is one key's with one row: arrays, for maps and sets would be most of the garbage. */
async function* groups(lines: AsyncIterable<Line>): AsyncGenerator<{ hash: bigint; rows: readonly Rows[] }> {
  let hash: bigint | undefined;
  let current: Rows[] = [];
  for await (const { keyHash, keyText, rowHash } of lines) {
    if (hash !== undefined && keyHash !== hash) {
      yield { hash, rows: current };
      current = [];
    }
    hash = keyHash;
    const own = current.find((rows) => rows.keyText === keyText);
    if (own === undefined) current.push({ keyText, count: 1, hashes: [rowHash] });
    else {
      own.count++;
      if (own.hashes.length < MAX_IMAGES && !own.hashes.includes(rowHash)) own.hashes.push(rowHash);
    }
  }
  if (hash !== undefined) yield { hash, rows: current };
}

/** Rows that are fetched at a time: what is held of each side. */
const LINES_PER_FETCH = 1_000;

async function* lines(
  database: Database,
  side: SideSql | null,
  rows: Selection['sink'],
): AsyncGenerator<Line> {
  if (side === null || rows === null) return;
  const sql = `
    SELECT k::text AS k, t, h::text AS h
    FROM (SELECT ${side.keyHash} AS k, ${side.keyText} AS t, ${side.rowHash} AS h
          FROM ${fromSelected(rows)} OFFSET 0) hashes
    ORDER BY hashes.k`;
  for await (const row of database.stream('cdc_lab_drill', sql, rows.values, LINES_PER_FETCH)) {
    yield { keyHash: BigInt(row.k ?? 0), keyText: row.t ?? '', rowHash: row.h ?? '' };
  }
}
