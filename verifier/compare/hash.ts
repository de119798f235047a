import type { Column } from '../observe/source/catalogue.ts';

/**
 * SQL that hashes values to 64 bits, equal where the values are and, but for chance, only there; alike on every version
 * of PostgreSQL since 13, which `exact/comparable-servers.ts` puts to the test. Why these functions: docs/decisions/0012.
 */

/** SQL over a column: its hash under a seed, NULL for NULL. */
export type ColumnHash = (seed: Seed) => string;

/** Constants of one column. Each column has its own, so that equal values in two columns of a row do not cancel. */
export interface Seed {
  readonly main: bigint;
  /** In the place of `main`, for a value that is told from another by nothing but this. */
  readonly other: bigint;
  readonly ofNull: bigint;
}

/** Of types whose hash function, or that of their bytes or text, tells any two values apart that print differently. */
const EXACT: Readonly<Record<string, (at: string, seed: Seed) => string>> = {
  bool: (at, { main }) => `hashint4extended(${at}::int4, ${main})`,
  int2: (at, { main }) => `hashint2extended(${at}, ${main})`,
  int4: (at, { main }) => `hashint4extended(${at}, ${main})`,
  // It folds the high word into the low one, so that an int8 hashes as the int4 that is equal: -1 as 4294967295 too.
  int8: (at, { main }) => `hashint8extended(${at}, (${at} >> 32) # ${main})`,
  uuid: (at, { main }) => `uuid_hash_extended(${at}, ${main})`,
  text: ofOwnText,
  varchar: ofOwnText,
  // Their own functions hash what is equal alike: 1.0 and 1.00, -0 and 0.
  ...Object.fromEntries(['numeric', 'float4', 'float8', 'json', 'jsonb'].map((type) => [type, ofOwnText])),
};

/**
 * Of types whose bytes are hashed. timestamp_hash_extended folds as int8's does; the eight bytes that COPY would send are
 * cheaper than the text.
 */
const BYTES: Readonly<Record<string, (at: string) => string>> = {
  bytea: (at) => at,
  ...Object.fromEntries(
    ['timestamp', 'timestamptz', 'date', 'time'].map((type) => [type, (at: string) => `${type}_send(${at})`]),
  ),
};

/**
 * Of one scale, and never infinite. Its hash has neither sign nor scale, and it is its digits' hash XOR its weight: of two
 * columns that move their points alike the weights would cancel, so it is hashed once more.
 */
function ofFixedNumeric(at: string, { main, other }: Seed): string {
  return `hashint4extended(0, hash_numeric_extended(${at}, CASE WHEN ${at} < 0 THEN ${other} ELSE ${main} END))`;
}

function ofOwnText(at: string, seed: Seed): string {
  return ofText(`${at}::text COLLATE "C"`)(seed);
}

/** Where a server cannot hash bytes, their hexadecimal text stands for them. */
function ofBytes(bytes: string, sides: readonly Column[]): ColumnHash {
  if (!sides.every(({ hashesBytes }) => hashesBytes)) return ofText(`encode(${bytes}, 'hex') COLLATE "C"`);
  return ({ main }) => `hashbyteaextended(${bytes}, ${main})`;
}

/** For an expression of type text, under collation C: a nondeterministic one hashes different texts alike. */
export function ofText(text: string): ColumnHash {
  return ({ main }) => `hashtextextended(${text}, ${main})`;
}

/**
 * For a column whose type has one name on both sides. Where that is none of PostgreSQL's own, or its hash is not known
 * to be exact, its text as a record prints it: a cast to text may lose something (`char(n)` its blanks, or whatever
 * the type's author chose), the output function does not.
 */
export function ofValue(at: string, sides: readonly Column[]): ColumnHash {
  // With nothing but pg_catalog in the search path, the name of any other type has its schema.
  const isOurs = sides.every(({ kind, cast }) => kind === 'b' && !cast.includes('.'));
  const [{ type = '', cast = '' } = {}, ...others] = sides;
  const isFixed = /^numeric\(\d+,\d+\)$/.test(cast) && others.every((other) => other.cast === cast);
  const bytes = isOurs ? BYTES[type] : undefined;
  if (bytes !== undefined) return ofBytes(bytes(at), sides);
  const exact = isOurs ? (isFixed ? ofFixedNumeric : EXACT[type]) : undefined;
  return exact === undefined ? ofText(`ROW(${at})::text COLLATE "C"`) : (seed) => exact(at, seed);
}

/**
 * Of an integer that numbers a block of keys: alike for equal integers of any width, and 0 for NULL. The number's high
 * word is folded in, so two blocks may have one hash: they then share a bucket, as others do.
 */
export function blockHash(type: string): (at: string) => string {
  return (at) => `coalesce(hash${type}extended(${at}, ${constant(1)}), 0)`;
}

type Purpose = 'row' | 'key';

/**
 * The columns' hashes together: joined by XOR, of which a hash is taken, with all of its 64 bits as the seed. A sum of
 * the bare XORs would often stay the same where two rows swap the values of a column.
 */
export function hashOf(columns: readonly ColumnHash[], purpose: Purpose): string {
  if (columns.length === 0) return '0::int8';
  const hashes = columns.map((hash, i) => {
    const seed = seedOf(purpose, i);
    return `coalesce(${hash(seed)}, ${seed.ofNull})`;
  });
  return hashes.length === 1 ? String(hashes[0]) : `hashint4extended(0, ${hashes.join(' # ')})`;
}

const FIRST: Readonly<Record<Purpose, number>> = { row: 0x10000, key: 0x20000 };

function seedOf(purpose: Purpose, column: number): Seed {
  const at = FIRST[purpose] + 3 * column;
  return { main: constant(at), other: constant(at + 1), ofNull: constant(at + 2) };
}

/** Constants spread over 63 bits, no two the same: multiples of an odd number near 2^64 over the golden ratio. */
function constant(n: number): bigint {
  return BigInt.asUintN(63, BigInt(n) * 0x9e3779b97f4a7c15n);
}
