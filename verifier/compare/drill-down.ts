import type { Database } from '../connection/postgres.ts';
import { fromSelected, type Selection } from './selection.ts';
import type { SideSql } from './side-sql.ts';
import type { TablePair } from './table-pair.ts';

/** A key whose rows differ between the two snapshots: perhaps wrong, perhaps only in flight. */
export interface Suspect {
  /** See {@link SideSql.keyHash}. */
  readonly keyHash: bigint;
  /** See {@link SideSql.keyText}; null for a key that is only counted. */
  readonly keyText: string | null;
  readonly sourceRows: number;
  readonly sinkRows: number;
}

/** One row, as the cursor returns it. */
interface Line {
  readonly keyHash: bigint;
  readonly keyText: string;
  readonly rowHash: string;
}

/**
 * Finds, among the selected rows, the keys whose rows differ: merges two streams that are ordered by the key's hash.
 * Memory holds the rows of one hash at a time. Both databases must be inside a snapshot.
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
    // Request both at once, so that the two servers scan at the same time.
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

/** The rows of one key. */
interface Rows {
  readonly keyText: string;
  count: number;
  /** Hashes of the distinct rows, at most {@link MAX_IMAGES}. */
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

/** Distinct rows of one key that are remembered. A key with more of them differs anyway. */
const MAX_IMAGES = 16;

/** Nearly every hash belongs to one key with one row, so these are arrays: maps and sets would make most of the garbage. */
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

/** Rows that are fetched at a time, and so held in memory, of each side. */
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
