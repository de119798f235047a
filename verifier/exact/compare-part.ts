import { bucketCount, type Digest, differingBuckets, digest } from '../compare/bucket-digest.ts';
import type { Deadline } from '../compare/deadline.ts';
import { type BadBuckets, differingKeys } from '../compare/localise.ts';
import { ALL_KEYS, type KeyRange, partOf } from '../compare/ranges.ts';
import { ABSENT, type KeyState, readKeys } from '../compare/read-keys.ts';
import { judge, type WrongClass, type WrongRow } from '../compare/settle.ts';
import type { TableComparison } from '../compare/table-comparison.ts';
import type { TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import { IdentitySet } from '../observe/topic/identities.ts';
import type { History } from './touched.ts';
import {
  chunks,
  fillVersions,
  type HashedRow,
  hashRows,
  hashVersions,
  resolveKeys,
  versionImages,
} from './versions.ts';

export interface Snapshots {
  /** Inside the slot's exported snapshot. */
  readonly source: Database;
  /** Inside a snapshot that was opened behind the fence. */
  readonly sink: Database;
  /** Another connection to the source, for expressions over values of the stream. */
  readonly control: Database;
}

interface Options {
  readonly maxSettledKeys: number;
  readonly versionColumn: string;
  readonly signal: AbortSignal;
  /** When the snapshots end. */
  readonly deadline: Deadline;
}

/** What of a table is compared, and about how many rows that is. */
export interface Part {
  readonly range: KeyRange;
  readonly rows: number;
}

/** With a digest of all rows of each side, touched ones included: equal where the rows are. */
export interface DigestedComparison extends TableComparison {
  readonly digests: { readonly source: Sums; readonly sink: Sums };
}
export interface Sums {
  readonly rows: number;
  /** Of the rows' hashes, modulo 2^64. */
  readonly sum: bigint;
}

type Counts = Record<WrongClass, number>;

/**
 * Compares one table between two snapshots that were taken at different times, exactly: rows of keys that were touched
 * in between are taken out of both sides' sums, and each must show a version that it had in between. All other keys
 * must be equal.
 * @param touched Keys of the whole table; those outside the part are left to others.
 * @throws Overrun where the snapshots' time is over.
 */
export async function compareTouched(
  snapshots: Snapshots,
  whole: TablePair,
  touched: ReadonlyMap<string, History>,
  options: Options,
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

interface PairPart {
  readonly whole: TablePair;
  readonly part: Part;
  /** The whole, limited to the part. */
  readonly pair: TablePair;
}

async function compare(
  snapshots: Snapshots,
  { whole, part, pair }: PairPart,
  touched: ReadonlyMap<string, History>,
  options: Options,
): Promise<DigestedComparison> {
  const { source, sink } = snapshots;
  const buckets = bucketCount(pair, part.rows);
  await options.deadline.arm(source, sink);
  const [ours, theirs] = await Promise.all([
    digest(source, pair.sides.source, buckets),
    digest(sink, pair.sides.sink, buckets),
  ]);
  const own = new TouchedKeys(snapshots, { whole, part, pair }, buckets, options);
  for (const some of chunks([...touched], () => 0)) {
    options.signal.throwIfAborted();
    options.deadline.check();
    await own.take(some);
  }
  const bad = differingBuckets(without(ours, own.sourceRows), without(theirs, own.sinkRows));
  const counts: Counts = { missing: 0, extra: 0, stale: 0, corrupted: 0, duplicate: 0 };
  for (const row of own.wrong) counts[row.class] += row.count;
  for (const [name, count] of own.beyond) counts[name] += count;
  const wrong = [...own.wrong];
  if (bad.length > 0) {
    const knownRows = own.hashes.size * 2;
    const found = { bad, buckets, rows: Math.max(ours.rows, theirs.rows), knownRows };
    wrong.push(...(await untouched(snapshots, pair, found, own.hashes, counts, options)));
  }
  return {
    table: whole.source,
    pair: whole,
    sourceRows: ours.rows,
    sinkRows: theirs.rows,
    equal: Object.values(counts).every((count) => count === 0),
    counts,
    wrong,
    inFlight: [],
    stopped: null,
    digests: { source: sumsOf(ours), sink: sumsOf(theirs) },
  };
}

/** The planner's, of the larger side. */
export function estimatedRows({ source, sink }: TablePair): number {
  return Math.max(source.estimatedRows, sink?.estimatedRows ?? 0, 0);
}

function sumsOf({ rows, sums }: Digest): Sums {
  return {
    rows,
    sum: BigInt.asIntN(
      64,
      sums.reduce((all, sum) => all + sum, 0n),
    ),
  };
}

/** One answer of those of two parts. At most `maxListed` wrong rows are kept; all are counted. */
export function joinParts(
  one: DigestedComparison,
  two: DigestedComparison,
  maxListed: number,
): DigestedComparison {
  const counts = { ...one.counts };
  for (const name of Object.keys(counts) as WrongClass[]) counts[name] += two.counts[name];
  const add = (a: Sums, b: Sums): Sums => ({
    rows: a.rows + b.rows,
    sum: BigInt.asIntN(64, a.sum + b.sum),
  });
  return {
    ...two,
    sourceRows: one.sourceRows + two.sourceRows,
    sinkRows: one.sinkRows + two.sinkRows,
    equal: one.equal && two.equal,
    counts,
    wrong: [...one.wrong, ...two.wrong].slice(0, maxListed),
    digests: {
      source: add(one.digests.source, two.digests.source),
      sink: add(one.digests.sink, two.digests.sink),
    },
  };
}

/** Wrong rows of keys that nobody touched; those beyond the bound are only counted. */
async function untouched(
  { source, sink }: Snapshots,
  pair: TablePair,
  found: BadBuckets,
  touched: IdentitySet,
  counts: Counts,
  options: Options,
): Promise<readonly WrongRow[]> {
  const suspects: string[] = [];
  let different = 0;
  await options.deadline.arm(source, sink);
  const isKnown = (keyHash: bigint): boolean => touched.hasWords(...halves(keyHash));
  const listing = { most: options.maxSettledKeys, isKnown };
  for await (const suspect of differingKeys(source, sink, pair, found, listing)) {
    options.signal.throwIfAborted();
    options.deadline.check();
    const { keyText, sourceRows, sinkRows } = suspect;
    if (keyText !== null && suspects.length < options.maxSettledKeys) suspects.push(keyText);
    else if (sinkRows === 0) counts.missing += sourceRows;
    else if (sourceRows === 0) counts.extra += sinkRows;
    else if (sinkRows > sourceRows) counts.duplicate += sinkRows - sourceRows;
    else different++;
  }
  const wrong: WrongRow[] = [];
  for (const keys of chunks(suspects, () => 0)) {
    options.deadline.check();
    const [ours, theirs] = await Promise.all([
      readKeys(source, pair, 'source', keys),
      readKeys(sink, pair, 'sink', keys),
    ]);
    for (const key of keys) {
      const states = [ours.get(key) ?? ABSENT, theirs.get(key) ?? ABSENT] as const;
      wrong.push(...judge(pair, key, ...states, options.versionColumn));
    }
  }
  for (const row of wrong) counts[row.class] += row.count;
  // Which column differs was not looked at: counted as what most of the others are.
  counts[counts.stale > counts.corrupted ? 'stale' : 'corrupted'] += different;
  return wrong;
}

function halves(hash: bigint): readonly [number, number] {
  return [Number(BigInt.asUintN(32, hash >> 32n)), Number(BigInt.asUintN(32, hash))];
}

/** What is to be taken out of a side's sums. */
type Share = Map<number, Sums>;

function addTo(share: Share, { bucket, hash }: HashedRow): void {
  const own = share.get(bucket) ?? { rows: 0, sum: 0n };
  share.set(bucket, { rows: own.rows + 1, sum: own.sum + hash });
}

/** The digest of the rows that are not in the share. */
export function without(all: Digest, share: Share): Digest {
  const [counts, sums] = [all.counts.slice(), all.sums.slice()];
  let { rows } = all;
  for (const [bucket, own] of share) {
    rows -= own.rows;
    counts[bucket] = (counts[bucket] ?? 0) - own.rows;
    sums[bucket] = (sums[bucket] ?? 0n) - own.sum;
  }
  return { rows, counts, sums };
}

/** The keys of one table that were touched: each must show, in the sink, a version that it had. */
class TouchedKeys {
  /** Hashes of the keys: of millions their texts would be too much. */
  readonly hashes = new IdentitySet();
  readonly sourceRows: Share = new Map();
  readonly sinkRows: Share = new Map();
  readonly wrong: WrongRow[] = [];
  /** Wrong keys that were not looked at one by one, by class. */
  readonly beyond = new Map<WrongClass, number>();
  readonly #snapshots: Snapshots;
  readonly #whole: TablePair;
  readonly #pair: TablePair;
  readonly #range: KeyRange;
  readonly #buckets: number;
  readonly #options: Options;

  constructor(snapshots: Snapshots, { whole, part, pair }: PairPart, buckets: number, options: Options) {
    this.#snapshots = snapshots;
    this.#whole = whole;
    this.#pair = pair;
    this.#range = part.range;
    this.#buckets = buckets;
    this.#options = options;
  }

  async take(all: readonly (readonly [string, History])[]): Promise<void> {
    const { source, sink, control } = this.#snapshots;
    const raw = all.map(([key]) => key);
    const keys = await resolveKeys(control, this.#whole, raw, this.#range);
    const some = all.filter((_, i) => keys[i]?.inside === true);
    const texts = keys.filter(({ inside }) => inside).map(({ text }) => text);
    if (texts.length === 0) return;
    const before = await hashRows(source, this.#pair, 'source', this.#buckets, texts);
    const now = await hashRows(sink, this.#pair, 'sink', this.#buckets, texts);
    for (const row of before) addTo(this.sourceRows, row);
    for (const row of now) addTo(this.sinkRows, row);
    for (const { hash, inside } of keys) if (inside) this.hashes.addWords(...halves(hash));
    const [ours, theirs] = [hashesOf(before), hashesOf(now)];
    const versions = some.flatMap(([, history]) => history.filter((version) => version !== null));
    // From the whole: the key may have been another one, of another part.
    const filled = await fillVersions(source, control, this.#whole, versions);
    const hashes = await hashVersions(control, this.#pair, filled);
    let at = 0;
    for (const [i, [, history]] of some.entries()) {
      const text = texts[i] ?? '';
      const from = at;
      const allowed = new Set(ours.get(text) ?? ['absent']);
      for (const version of history) allowed.add(version === null ? 'absent' : (hashes[at++] ?? ''));
      const shown = theirs.get(text) ?? [];
      if (shown.length <= 1 && allowed.has(shown[0] ?? 'absent')) continue;
      if (this.wrong.length >= this.#options.maxSettledKeys) this.#count(shown.length);
      else
        await this.#judge(text, { history, filled: filled.slice(from, at), absent: allowed.has('absent') });
    }
  }

  #count(rows: number): void {
    const name = rows === 0 ? 'missing' : rows > 1 ? 'duplicate' : 'corrupted';
    this.beyond.set(name, (this.beyond.get(name) ?? 0) + Math.max(1, rows - 1));
  }

  /** Against the version that is nearest to what the sink holds, so that the columns named are those that are wrong. */
  async #judge(
    text: string,
    had: { history: History; filled: readonly (readonly (string | null)[])[]; absent: boolean },
  ): Promise<void> {
    const { source, sink, control } = this.#snapshots;
    const theirs = (await readKeys(sink, this.#pair, 'sink', [text])).get(text) ?? ABSENT;
    const first = (await readKeys(source, this.#pair, 'source', [text])).get(text);
    const images = await versionImages(control, this.#pair, had.filled);
    const later = images.map((image): KeyState => ({ ...ABSENT, rows: 1, image, digests: ['version'] }));
    const states = first === undefined ? later : [first, ...later];
    const nearest = states.sort((a, b) => apart(a, theirs) - apart(b, theirs))[0];
    const row = { keyText: text, source: nearest ?? ABSENT, sink: theirs };
    if (theirs.rows === 0) this.wrong.push({ ...row, class: 'missing', count: 1, columns: [] });
    else if (nearest === undefined)
      this.wrong.push({ ...row, class: 'extra', count: theirs.rows, columns: [] });
    else if (theirs.rows > 1 && apart(nearest, theirs) === 0) {
      this.wrong.push({ ...row, class: 'duplicate', count: theirs.rows - 1, columns: [] });
    } else this.wrong.push(...judge(this.#pair, text, nearest, theirs, this.#options.versionColumn));
  }
}

function hashesOf(rows: readonly HashedRow[]): ReadonlyMap<string, string[]> {
  const hashes = new Map<string, string[]>();
  for (const { text, hash } of rows) {
    const own = hashes.get(text) ?? [];
    hashes.set(text, [...own, String(hash)]);
  }
  return hashes;
}

/** Columns in which two rows differ. */
function apart(a: KeyState, b: KeyState): number {
  return (a.image ?? []).filter((value, i) => value !== b.image?.[i]).length;
}
