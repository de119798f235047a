import type { Database } from '../connection/postgres.ts';
import type { SideSql } from './side-sql.ts';
import type { TablePair } from './table-pair.ts';

// An invertible Bloom lookup table: every row is added to one cell in each of three tables, and the rows that only one
// side has can be decoded from the difference of the two sides (Eppstein, Goodrich, Uyeda, Varghese: What's the
// Difference? Efficient Set Reconciliation without Prior Context, SIGCOMM 2011). SQL builds it in one scan per side. It
// finds scattered differences at a cost that, apart from the scan, depends only on their number.

/** Hash tables, each of which has every row in one cell. */
const TABLES = 3;
/** Bits of a row's hash that choose the cell of one table. */
const BITS = 20;
const FEWEST_CELLS = 64;
export const MOST_CELLS = 2 ** 17;
/**
 * With three tables, decoding succeeds up to about 1 / 1.22 rows per cell (the threshold of the paper's analysis). With
 * this many cells per row, it succeeds nearly always.
 */
const CELLS_PER_ROW = 1.5;

/** Cells that each table needs, a power of two; null if they would take too much memory. */
export function cellCount(differingRows: number): number | null {
  const wanted = Math.max(FEWEST_CELLS, (differingRows * CELLS_PER_ROW) / TABLES);
  const cells = 2 ** Math.ceil(Math.log2(wanted));
  return cells > MOST_CELLS ? null : cells;
}

/** The difference between source and sink: each cell holds the sums of the source's rows less those of the sink's. */
export class Sketch {
  readonly cells: number;
  readonly #counts: Int32Array;
  readonly #hashes: BigUint64Array;
  readonly #keys: BigUint64Array;
  readonly #checks: BigUint64Array;

  constructor(cells: number) {
    this.cells = cells;
    this.#counts = new Int32Array(TABLES * cells);
    this.#hashes = new BigUint64Array(TABLES * cells);
    this.#keys = new BigUint64Array(TABLES * cells);
    this.#checks = new BigUint64Array(TABLES * cells);
  }

  /** Adds the sums of some rows to a cell: with `sign` 1 for rows of the source, -1 for rows of the sink. */
  add(cell: number, sign: 1 | -1, own: { count: number; hash: bigint; key: bigint; check: bigint }): void {
    const by = BigInt(sign);
    this.#counts[cell] = (this.#counts[cell] ?? 0) + sign * own.count;
    // A BigUint64Array stores values modulo 2^64.
    this.#hashes[cell] = (this.#hashes[cell] ?? 0n) + by * own.hash;
    this.#keys[cell] = (this.#keys[cell] ?? 0n) + by * own.key;
    this.#checks[cell] = (this.#checks[cell] ?? 0n) + by * own.check;
  }

  /** Adds one row. @returns its cells. */
  addRow(sign: 1 | -1, hash: bigint, key: bigint): readonly number[] {
    const cells = cellsOf(hash, this.cells);
    for (const cell of cells) this.add(cell, sign, { count: 1, hash, key, check: checkOf(hash) });
    return cells;
  }

  /**
   * Decodes the hashes of the keys whose rows differ; null if that is impossible. It empties the sketch.
   *
   * A cell with a single row left is *pure*: it holds that row's hash, so the row can be removed from its other cells
   * too, which may make these pure. Decoding has succeeded if all cells are empty in the end.
   */
  decode(): ReadonlySet<bigint> | null {
    const keys = new Set<bigint>();
    const open = Array.from(this.#counts.keys());
    for (let cell = open.pop(); cell !== undefined; cell = open.pop()) {
      const sign = this.#pure(cell);
      if (sign === 0) continue;
      const by = BigInt(sign);
      const hash = BigInt.asUintN(64, (this.#hashes[cell] ?? 0n) * by);
      const key = BigInt.asUintN(64, (this.#keys[cell] ?? 0n) * by);
      keys.add(BigInt.asIntN(64, key));
      open.push(...this.addRow(sign === 1 ? -1 : 1, hash, key));
    }
    const isEmpty = this.#counts.every((count, cell) => count === 0 && this.#hashes[cell] === 0n);
    return isEmpty ? keys : null;
  }

  /**
   * 1 or -1 if exactly one row is left in the cell, of the source or of the sink; otherwise 0. Several rows may look like
   * one by their count: the check sum and the row's cells expose them.
   */
  #pure(cell: number): 1 | -1 | 0 {
    const count = this.#counts[cell];
    if (count !== 1 && count !== -1) return 0;
    const by = BigInt(count);
    const hash = BigInt.asUintN(64, (this.#hashes[cell] ?? 0n) * by);
    const check = BigInt.asUintN(64, (this.#checks[cell] ?? 0n) * by);
    return check === checkOf(hash) && cellsOf(hash, this.cells).includes(cell) ? count : 0;
  }
}

function cellsOf(hash: bigint, cells: number): readonly number[] {
  return Array.from({ length: TABLES }, (_, table) => {
    const bits = Number((hash >> BigInt(table * BITS)) & BigInt(cells - 1));
    return table * cells + bits;
  });
}

/**
 * A function of a row's hash that is not additive: the product of its halves. So the check of several rows' summed hash
 * is not the sum of their checks, except by chance. {@link CHECK_SQL} is the same in SQL, where it stays within an int8.
 */
function checkOf(hash: bigint): bigint {
  return (hash & 0xffffffffn) * ((hash >> 32n) & 0x7fffffffn);
}
const CHECK_SQL = '(h & 4294967295) * ((h >> 32) & 2147483647)';

/**
 * Finds the hashes of the keys whose rows differ, by one further scan of each side. Null if they cannot be decoded: there
 * are too many, or a copy holds the same row more than once. Both databases must be inside a snapshot.
 */
export async function sketchedKeys(
  source: Database,
  sink: Database,
  pair: TablePair,
  cells: number,
): Promise<ReadonlySet<bigint> | null> {
  const sketch = new Sketch(cells);
  await Promise.all([
    fill(sketch, 1, source, pair.sides.source),
    pair.sides.sink === null ? null : fill(sketch, -1, sink, pair.sides.sink),
  ]);
  return sketch.decode();
}

async function fill(sketch: Sketch, sign: 1 | -1, database: Database, side: SideSql): Promise<void> {
  const { cells } = sketch;
  const places = Array.from({ length: TABLES }, (_, table) => `i${table}`);
  const place = (name: string, table: number): string => `((h >> ${table * BITS}) & ${cells - 1}) AS ${name}`;
  const sql = `
    SELECT CASE ${places.map((name, table) => `WHEN grouping(${name}) = 0 THEN ${table * cells} + ${name}`).join(' ')} END::text AS cell,
           count(*)::text AS n, sum(h)::text AS h, sum(k)::text AS k, sum(c)::text AS c
    FROM (SELECT ${places.map(place).join(', ')}, h, k, ${CHECK_SQL} AS c
          FROM (SELECT ${side.keyHash} AS k, ${side.rowHash} AS h FROM ${side.from} OFFSET 0) hashes
          OFFSET 0) cells
    GROUP BY GROUPING SETS (${places.map((name) => `(${name})`).join(', ')})`;
  for await (const row of database.stream('cdc_lab_sketch', sql, [])) {
    const [hash, key, check] = [BigInt(row.h ?? 0), BigInt(row.k ?? 0), BigInt(row.c ?? 0)];
    sketch.add(Number(row.cell), sign, { count: Number(row.n), hash, key, check });
  }
}
