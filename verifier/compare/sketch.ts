import type { Database } from '../connection/postgres.ts';
import type { SideSql } from './side-sql.ts';
import type { TablePair } from './table-pair.ts';

/**
 * An invertible Bloom lookup table: every row is added to one cell of each of three tables, and what one side has and
 * the other has not can be read back from the difference (Eppstein, Goodrich, Uyeda, Varghese: What's the Difference?
 * Efficient Set Reconciliation without Prior Context, 2011). Made by SQL in one scan, it finds scattered differences
 * whose number is small beside the table's, at a cost that does not depend on the table's rows but for the scan.
 */
const TABLES = 3;
/** Bits of a row's hash that choose the cell of one table. */
const BITS = 20;
const FEWEST_CELLS = 64;
export const MOST_CELLS = 2 ** 17;
/** A table of cells can be read back up to 1 / 1.22 of its cells; further below, it nearly always can. */
const CELLS_PER_ROW = 1.5;

/** Cells of each of the tables, a power of two; null where more would be needed than are kept in memory. */
export function cellCount(differingRows: number): number | null {
  const wanted = Math.max(FEWEST_CELLS, (differingRows * CELLS_PER_ROW) / TABLES);
  const cells = 2 ** Math.ceil(Math.log2(wanted));
  return cells > MOST_CELLS ? null : cells;
}

/** What a cell holds of the source, less what it holds of the sink; sums modulo 2^64. */
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

  /** Adds rows to the cell: of the source with `sign` 1, of the sink with -1. */
  add(cell: number, sign: 1 | -1, own: { count: number; hash: bigint; key: bigint; check: bigint }): void {
    const by = BigInt(sign);
    this.#counts[cell] = (this.#counts[cell] ?? 0) + sign * own.count;
    // A BigUint64Array keeps what it is given modulo 2^64.
    this.#hashes[cell] = (this.#hashes[cell] ?? 0n) + by * own.hash;
    this.#keys[cell] = (this.#keys[cell] ?? 0n) + by * own.key;
    this.#checks[cell] = (this.#checks[cell] ?? 0n) + by * own.check;
  }

  /** Adds one row. @returns the cells that it is in. */
  addRow(sign: 1 | -1, hash: bigint, key: bigint): readonly number[] {
    const cells = cellsOf(hash, this.cells);
    for (const cell of cells) this.add(cell, sign, { count: 1, hash, key, check: checkOf(hash) });
    return cells;
  }

  /**
   * Hashes of the keys whose rows differ; null where that cannot be read back. It changes the sketch.
   *
   * A cell of which one row is left is *pure*: then it holds that row's hash, by which the row is taken out of its other
   * cells too, until all are empty.
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

  /** 1 or -1 where exactly one row of that side is left in the cell. Several may by chance add up to one: the check tells. */
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

/** A function of the hash that sums do not keep: the product of its halves, as {@link CHECK_SQL}. */
function checkOf(hash: bigint): bigint {
  return (hash & 0xffffffffn) * ((hash >> 32n) & 0x7fffffffn);
}
const CHECK_SQL = '(h & 4294967295) * ((h >> 32) & 2147483647)';

/**
 * Hashes of the keys whose rows differ, from one further scan of each side; null where there are too many to be read
 * back, or equal rows are in a copy more than once. Both databases must be inside a snapshot.
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
