import { bucketCount, type Digest, differingBuckets, digest } from '../compare/bucket-digest.ts';
import { ALL_KEYS, partOf } from '../compare/ranges.ts';
import type { WrongClass } from '../compare/settle.ts';
import { estimatedRows, type TablePair } from '../compare/table-pair.ts';
import { TouchedKeys } from './judge-touched.ts';
import { judgeUntouched } from './judge-untouched.ts';
import type { DigestedComparison, PairPart, Part, PartOptions, Snapshots, Sums } from './part.ts';
import type { History } from './touched.ts';
import { chunks } from './versions.ts';

/**
 * Compares a part of one table between two snapshots that were taken at different times, exactly. The rows of keys that
 * were touched in between are subtracted from both sides' sums, and each of these keys must show, in the sink, a version
 * that it had in between. All other keys must be equal.
 * @param touched Keys of the whole table; keys outside the part are ignored.
 * @throws Overrun if the snapshots' time is over.
 */
export async function comparePart(
  snapshots: Snapshots,
  whole: TablePair,
  touched: ReadonlyMap<string, History>,
  options: PartOptions,
  part: Part = { range: ALL_KEYS, rows: estimatedRows(whole) },
): Promise<DigestedComparison> {
  const { deadline } = options;
  try {
    return await compare(snapshots, { whole, part, pair: partOf(whole, part.range) }, touched, options);
  } catch (error) {
    options.signal.throwIfAborted();
    throw deadline.explain(error);
  }
}

async function compare(
  snapshots: Snapshots,
  { whole, part, pair }: PairPart,
  touched: ReadonlyMap<string, History>,
  options: PartOptions,
): Promise<DigestedComparison> {
  const { source, sink } = snapshots;
  const buckets = bucketCount(pair, part.rows);
  await options.deadline.arm(source, sink);
  const [ours, theirs] = await Promise.all([
    digest(source, pair.sides.source, buckets),
    digest(sink, pair.sides.sink, buckets),
  ]);
  const keys = new TouchedKeys(snapshots, { whole, part, pair }, buckets, options);
  for (const some of chunks([...touched], () => 0)) {
    options.signal.throwIfAborted();
    options.deadline.check();
    await keys.take(some);
  }
  const bad = differingBuckets(without(ours, keys.sourceRows), without(theirs, keys.sinkRows));
  const counts: Record<WrongClass, number> = { missing: 0, extra: 0, stale: 0, corrupted: 0, duplicate: 0 };
  for (const row of keys.wrong) counts[row.class] += row.count;
  for (const [name, count] of keys.beyond) counts[name] += count;
  const { span } = options;
  const wrong = keys.wrong.map((row) => ({ ...row, span }));
  const inFlight: string[] = [];
  if (bad.length > 0) {
    const knownRows = keys.hashes.size * 2;
    const found = { bad, buckets, rows: Math.max(ours.rows, theirs.rows), knownRows };
    const untouched = await judgeUntouched(snapshots, pair, found, keys.hashes, options);
    // A key that nobody touched still had its state at the end.
    const end = span === null ? null : { from: span.to, to: span.to };
    wrong.push(...untouched.wrong.map((row) => ({ ...row, span: end })));
    for (const row of untouched.wrong) counts[row.class] += row.count;
    const { missing, extra, duplicate, different } = untouched.beyond;
    counts.missing += missing;
    counts.extra += extra;
    counts.duplicate += duplicate;
    // These keys were not read, so their class is not known: count them as what most of the others are.
    if (pair.unchangedHash === null || untouched.wrong.length > 0)
      counts[counts.stale > counts.corrupted ? 'stale' : 'corrupted'] += different;
    // All those that were read turned out to be right.
    else if (different > 0) inFlight.push(`${different} more keys (corrupted)`);
  }
  return {
    table: whole.source,
    pair: whole,
    sourceRows: ours.rows,
    sinkRows: theirs.rows,
    equal: inFlight.length === 0 && Object.values(counts).every((count) => count === 0),
    counts,
    wrong,
    inFlight,
    stopped: null,
    digests: { source: sumsOf(ours), sink: sumsOf(theirs) },
  };
}

function sumsOf({ rows, sums }: Digest): Sums {
  const sum = sums.reduce((all, own) => all + own, 0n);
  return { rows, sum: BigInt.asIntN(64, sum) };
}

/** The digest without some rows. @param rows What they add to each bucket, by its number. */
function without(all: Digest, rows: ReadonlyMap<number, Sums>): Digest {
  const [counts, sums] = [all.counts.slice(), all.sums.slice()];
  let left = all.rows;
  for (const [bucket, own] of rows) {
    const inBucket = counts[bucket] ?? 0;
    // These rows were read in the same snapshot as the digest.
    if (inBucket < own.rows) throw new Error(`${own.rows} rows in a bucket with ${inBucket}`);
    left -= own.rows;
    counts[bucket] = inBucket - own.rows;
    sums[bucket] = (sums[bucket] ?? 0n) - own.sum;
  }
  return { rows: left, counts, sums };
}
