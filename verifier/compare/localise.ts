import type { Database } from '../connection/postgres.ts';
import { drillDown, type Suspect } from './drill-down.ts';
import { differingHashes } from './merge-hashes.ts';
import { everyRow, rowsOfBuckets, type SomeBuckets, withKeys } from './selection.ts';
import { cellCount, sketchedKeys } from './sketch.ts';
import type { TablePair } from './table-pair.ts';

/** What the digests left to be found: the buckets that differ. */
export interface BadBuckets extends SomeBuckets {
  /** Rows of both sides together that differ for a known reason: their keys were touched meanwhile. */
  readonly knownRows: number;
}

export interface Listing {
  /** Keys that are listed with their text; further keys are only counted. */
  readonly most: number;
  /** Keys to leave out, by their hash. */
  readonly isKnown?: (keyHash: bigint) => boolean;
}

/**
 * How to find the rows that differ. `buckets`: read the rows of bad buckets and compare them one by one. `sketch`: a
 * further scan sums all rows into a small table of cells, from which the differing rows are decoded. `merge`: compare
 * the hashes of all rows, or of those in bad buckets, in their order.
 */
export type Way = 'buckets' | 'sketch' | 'merge';

// Measured with `npm run bench -- verify-diff`; docs/decisions/0012-row-hash.md has the figures.

/** Up to this many rows in the table, comparing them one by one is the fastest. */
const FEW_ROWS = 20_000;
/** Up to this many rows in bad buckets, comparing them one by one is faster than merging arrays of hashes. */
const FEW_BAD_ROWS = 50_000;
/** Up to this share of bad buckets, reading their rows costs less than a further scan of the table. */
const FEW_BAD = 0.3;
/** The same if an index finds the rows. */
const FEW_BAD_BLOCKS = 0.6;
/** Above this share, a bad bucket holds several differing rows: the share no longer tells how many rows differ. */
const MOST_BAD = 0.95;

/** Chooses by the share of bad buckets, and by whether buckets consist of blocks of neighbouring keys. */
export function wayFor({ bad, buckets, rows }: BadBuckets, inBlocks: boolean): Way {
  const share = bad.length / buckets;
  if (rows <= FEW_ROWS || share * rows <= FEW_BAD_ROWS) return 'buckets';
  if (share <= FEW_BAD || share > MOST_BAD) return 'merge';
  // Wrong rows are often neighbours, and neighbours share a block: the share of bad buckets does not tell their number,
  // so no sketch could be sized for them.
  return inBlocks ? 'merge' : 'sketch';
}

/**
 * Estimates how many rows differ, both sides together. Differing keys fall into buckets at random, so `n` of them leave a
 * share of e^(-n/buckets) of the buckets good. The estimate adds a margin of 10 % and 50 rows.
 */
export function differingRows({ bad, buckets, knownRows }: BadBuckets): number {
  const good = Math.max(1 - bad.length / buckets, 1 - MOST_BAD);
  const keys = -Math.log(good) * buckets;
  return Math.ceil(2 * keys * 1.1 + knownRows + 50);
}

function fewBad({ sides: { source, sink } }: TablePair): number {
  const isIndexed = [source, sink].every((side) => side === null || typeof side.blocks?.indexed === 'string');
  return isIndexed ? FEW_BAD_BLOCKS : FEW_BAD;
}

/**
 * Finds the keys whose rows differ. Both databases must be inside a snapshot. Memory holds only tables of bounded size
 * and the hashes of the keys that are listed.
 */
export async function* differingKeys(
  source: Database,
  sink: Database,
  pair: TablePair,
  found: BadBuckets,
  { most, isKnown = () => false }: Listing,
  way: Way = wayFor(found, pair.sides.source.blocks !== null),
): AsyncGenerator<Suspect> {
  const cells = way === 'sketch' ? cellCount(differingRows(found)) : null;
  const sketched = cells === null ? null : await sketchedKeys(source, sink, pair, cells);
  const share = found.bad.length / found.buckets;
  const isPart = way === 'buckets' || (way === 'merge' && share <= fewBad(pair));
  const selected = isPart ? await rowsOfBuckets(source, sink, pair, found) : everyRow(pair);
  // Finding the hashes first, and then the keys of those that differ, is faster unless each of the two takes a scan.
  if (way === 'buckets' && !selected.byIndex) {
    for await (const one of drillDown(source, sink, pair, selected)) if (!isKnown(one.keyHash)) yield one;
    return;
  }
  const listed: bigint[] = [...(sketched ?? [])];
  // Fall back to merging if there is no sketch, or it cannot be decoded.
  if (sketched === null) {
    const rows = isPart ? share * found.rows : found.rows;
    for await (const one of differingHashes(source, sink, pair, selected, rows)) {
      if (isKnown(one.keyHash)) continue;
      if (listed.length < most) listed.push(one.keyHash);
      else yield { ...one, keyText: null };
    }
  }
  if (listed.length === 0) return;
  const keys = withKeys(pair, selected, listed);
  for await (const one of drillDown(source, sink, pair, keys)) if (!isKnown(one.keyHash)) yield one;
}
