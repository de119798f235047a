import type { Database } from '../connection/postgres.ts';
import { fromSelected, type Selection } from './selection.ts';
import type { SideSql } from './side-sql.ts';
import type { TablePair } from './table-pair.ts';

/** A key whose rows differ, identified by the hash of the key alone. */
export interface DifferingHash {
  readonly keyHash: bigint;
  readonly sourceRows: number;
  readonly sinkRows: number;
}

const ROWS_PER_GROUP = 2_000;
const MOST_GROUPS = 2 ** 16;
const GROUPS_PER_FETCH = 16;
const EMPTY = { keys: [], rows: [] };

/**
 * Finds, among the selected rows, the keys whose rows differ: merges two streams of hashes, from one ordered scan of each
 * side. The servers return the hashes in arrays of some thousands, because a result row per table row would cost several
 * times what reading the table row costs. So the cost does not depend on how many rows differ. Both databases must be
 * inside a snapshot.
 * @param rows About how many rows are selected on a side: determines the size of the arrays.
 */
export async function* differingHashes(
  source: Database,
  sink: Database,
  { sides }: TablePair,
  selection: Selection,
  rows: number,
): AsyncGenerator<DifferingHash> {
  const count = Math.min(MOST_GROUPS, Math.max(2, 2 ** Math.ceil(Math.log2(rows / ROWS_PER_GROUP + 1))));
  const left = groups(source, sides.source, selection.source, count);
  const right = groups(sink, sides.sink, selection.sink, count);
  try {
    // Request both at once, so that the two servers scan at the same time.
    let [a, b] = await Promise.all([left.next(), right.next()]);
    while (a.done !== true || b.done !== true) {
      const at = Math.min(a.done === true ? Infinity : a.value.at, b.done === true ? Infinity : b.value.at);
      const ours = a.done !== true && a.value.at === at ? a.value : null;
      const theirs = b.done !== true && b.value.at === at ? b.value : null;
      if (ours?.packed !== theirs?.packed) yield* mergeGroups(unpack(ours?.packed), unpack(theirs?.packed));
      [a, b] = await Promise.all([ours === null ? a : left.next(), theirs === null ? b : right.next()]);
    }
  } finally {
    await Promise.all([left.return(undefined), right.return(undefined)]);
  }
}

/** Hashes of keys in ascending order, and the hashes of their rows, which ascend within each key. */
interface Group {
  readonly keys: readonly bigint[];
  readonly rows: readonly bigint[];
}

function* mergeGroups(ours: Group, theirs: Group): Generator<DifferingHash> {
  let [a, b] = [0, 0];
  while (a < ours.keys.length || b < theirs.keys.length) {
    const [left, right] = [ours.keys[a], theirs.keys[b]];
    const isOurs = right === undefined || (left !== undefined && left <= right);
    const keyHash = (isOurs ? left : right) ?? 0n;
    const [fromA, fromB] = [a, b];
    while (ours.keys[a] === keyHash) a++;
    while (theirs.keys[b] === keyHash) b++;
    let same = a - fromA === b - fromB;
    for (let i = 0; same && fromA + i < a; i++) same = ours.rows[fromA + i] === theirs.rows[fromB + i];
    if (!same) yield { keyHash, sourceRows: a - fromA, sinkRows: b - fromB };
  }
}

/** Groups of rows that share the first bits of their keys' hashes, in ascending order. */
async function* groups(
  database: Database,
  side: SideSql | null,
  selected: Selection['sink'],
  count: number,
): AsyncGenerator<{ readonly at: number; readonly packed: string }> {
  if (side === null || selected === null) return;
  const sorted = (column: string): string => `array_send(array_agg(${column} ORDER BY k, h))::text`;
  const sql = `
    SELECT (k >> ${64 - Math.log2(count)})::text AS at, ${sorted('k')} AS keys, ${sorted('h')} AS rows
    FROM (SELECT ${side.keyHash} AS k, ${side.rowHash} AS h
          FROM ${fromSelected(selected)} OFFSET 0) hashes
    GROUP BY k >> ${64 - Math.log2(count)} ORDER BY k >> ${64 - Math.log2(count)}`;
  for await (const row of database.stream('cdc_lab_packed', sql, selected.values, GROUPS_PER_FETCH)) {
    yield { at: Number(row.at), packed: `${row.keys} ${row.rows}` };
  }
}

function unpack(packed: string | undefined): Group {
  if (packed === undefined) return EMPTY;
  const [keys, rows] = packed.split(' ').map(numbersOf);
  if (keys === undefined || keys.length !== rows?.length) throw new Error('a group lacks keys or rows');
  return { keys, rows };
}

/**
 * Layout of `array_send` for a one-dimensional int8[] (PostgreSQL, src/backend/utils/adt/arrayfuncs.c): five 32-bit words
 * (dimensions, null flag, element type, length, lower bound), then each element as a 32-bit length and eight bytes.
 */
const HEAD_BYTES = 20;
const ELEMENT_BYTES = 12;

function numbersOf(hex: string): readonly bigint[] {
  const bytes = Buffer.from(hex.slice('\\x'.length), 'hex');
  const count = (bytes.length - HEAD_BYTES) / ELEMENT_BYTES;
  return Array.from({ length: count }, (_, i) => bytes.readBigInt64BE(HEAD_BYTES + i * ELEMENT_BYTES + 4));
}
