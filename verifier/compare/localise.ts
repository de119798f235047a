import type { Database } from '../postgres.ts';
import type { TablePair } from './pairing.ts';
import { drillDown, type Suspect } from './scan.ts';
import { cellCount, sketchedKeys } from './sketch.ts';

/** What the grouped scan left: which of so many buckets differ, in a table of so many rows. */
export interface BadBuckets {
  readonly bad: readonly number[];
  readonly buckets: number;
  readonly rows: number;
  /** Rows that differ for a known reason, those of both sides together: keys that were touched meanwhile. */
  readonly knownRows: number;
}

/**
 * How the rows that differ are found. `buckets`: the rows of bad buckets are compared one by one. `sketch`: a further
 * scan adds all rows up in a table from which the differing ones can be read back. `merge`: all rows are compared.
 */
export type Way = 'buckets' | 'sketch' | 'merge';

/** Below so many rows a look at all of them is the quickest. */
const FEW_ROWS = 20_000;
/** Share of bad buckets up to which their rows are fewer than a further scan costs (`npm run bench -- verify-diff`). */
const FEW_BAD = 0.3;
/** Share above which it cannot be told from the buckets how many rows differ: each holds several. */
const MOST_BAD = 0.95;

/** Chooses by the share of the buckets that are bad. */
export function wayFor({ bad, buckets, rows }: BadBuckets): Way {
  const share = bad.length / buckets;
  if (share <= FEW_BAD || rows <= FEW_ROWS) return 'buckets';
  return share <= MOST_BAD ? 'sketch' : 'merge';
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

/** The keys whose rows differ. Both databases must be inside a snapshot; nothing is held in memory but bounded tables. */
export async function* differingKeys(
  source: Database,
  sink: Database,
  pair: TablePair,
  found: BadBuckets,
  way: Way = wayFor(found),
): AsyncGenerator<Suspect> {
  const { bad, buckets } = found;
  if (way === 'buckets') {
    yield* drillDown(source, sink, pair, { tag: 'buckets', bad, buckets });
    return;
  }
  const cells = way === 'sketch' ? cellCount(differingRows(found)) : null;
  const hashes = cells === null ? null : await sketchedKeys(source, sink, pair, cells);
  // What cannot be read back is found by looking at everything.
  yield* drillDown(
    source,
    sink,
    pair,
    hashes === null ? { tag: 'all' } : { tag: 'hashes', hashes: [...hashes] },
  );
}
