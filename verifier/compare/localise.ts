import type { Database } from '../connection/postgres.ts';
import { drillDown, type Suspect } from './bucket-digest.ts';
import { differingHashes } from './merge-hashes.ts';
import { everyRow, rowsOfBuckets, type SomeBuckets, withKeys } from './selection.ts';
import { cellCount, sketchedKeys } from './sketch.ts';
import type { TablePair } from './table-pair.ts';

/** What the grouped scan left: which of so many buckets differ, in a table of so many rows. */
export interface BadBuckets extends SomeBuckets {
  /** Rows that differ for a known reason, those of both sides together: keys that were touched meanwhile. */
  readonly knownRows: number;
}

export interface Listing {
  /** Keys that are given with their text; others are only counted. */
  readonly most: number;
  /** Keys that are left out, by their hash. */
  readonly isKnown?: (keyHash: bigint) => boolean;
}

/**
 * How the rows that differ are found. `buckets`: among the rows of bad buckets, at once. `sketch`: a further scan adds
 * all rows up in a table from which the differing ones can be read back. `merge`: the hashes of all rows, or of those of
 * bad buckets, are compared in their order.
 */
export type Way = 'buckets' | 'sketch' | 'merge';

/** Below so many rows a look at all of them is the quickest. */
const FEW_ROWS = 20_000;
/** Rows of bad buckets up to which they are compared one by one: beyond, their hashes in arrays are quicker. */
const FEW_BAD_ROWS = 50_000;
/** Share of bad buckets up to which their rows are fewer than a further scan costs (`npm run bench -- verify-diff`). */
const FEW_BAD = 0.3;
/** The same, where an index finds them. */
const FEW_BAD_BLOCKS = 0.6;
/** Share above which it cannot be told from the buckets how many rows differ: each holds several. */
const MOST_BAD = 0.95;

/** Chooses by the share of the buckets that are bad, and by whether they are blocks of neighbouring keys. */
export function wayFor({ bad, buckets, rows }: BadBuckets, inBlocks: boolean): Way {
  const share = bad.length / buckets;
  if (rows <= FEW_ROWS || share * rows <= FEW_BAD_ROWS) return 'buckets';
  if (share <= FEW_BAD || share > MOST_BAD) return 'merge';
  // Neighbours share a block, and what goes wrong may be neighbours: how many of them, no bucket tells.
  return inBlocks ? 'merge' : 'sketch';
}

/**
 * Rows that differ, of both sides together: differences fall into buckets at random, so the share that stays good says
 * how many there were.
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
 * The keys whose rows differ. Both databases must be inside a snapshot; nothing is held in memory but bounded tables,
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
  // Hashes first, and then the keys of those that differ: that is quicker, unless it takes a scan each time.
  if (way === 'buckets' && !selected.byIndex) {
    for await (const one of drillDown(source, sink, pair, selected)) if (!isKnown(one.keyHash)) yield one;
    return;
  }
  const listed: bigint[] = [...(sketched ?? [])];
  // What cannot be read back from the sketch is found by looking at everything.
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
