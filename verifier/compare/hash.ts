import type { Column } from '../observe/source/catalogue.ts';

// SQL that hashes values to 64 bits: equal values have equal hashes, and different values have different ones, but for
// chance. The hashes are the same on every PostgreSQL version since 13; `exact/comparable-servers.ts` tests the two
// servers before they are compared. Why these functions were chosen: docs/decisions/0012-row-hash.md.

/** SQL that hashes a column under a seed; NULL for NULL. */
export type ColumnHash = (seed: Seed) => string;

/**
 * Constants of one column. Each column has different ones, because the columns' hashes are joined by XOR: with the same
 * constants, equal values in two columns of a row would cancel each other.
 */
export interface Seed {
  readonly main: bigint;
  /** Replaces `main` for a value whose hash function does not distinguish it from another value: a negative number. */
  readonly other: bigint;
  /** Hash of NULL. */
  readonly ofNull: bigint;
}

/**
 * SQL per type whose values can be hashed directly or through their text, so that any two values that print differently
 * have different hashes, except by chance.
 */
const EXACT: Readonly<Record<string, (at: string, seed: Seed) => string>> = {
  bool: (at, { main }) => `hashint4extended(${at}::int4, ${main})`,
  int2: (at, { main }) => `hashint2extended(${at}, ${main})`,
  int4: (at, { main }) => `hashint4extended(${at}, ${main})`,
  // PostgreSQL's hashint8 folds the high word into the low one, so that an int8 hashes like the equal int4
  // (src/backend/access/hash/hashfunc.c). -1 and 4294967295 would then collide: hence the high word in the seed.
  int8: (at, { main }) => `hashint8extended(${at}, (${at} >> 32) # ${main})`,
  uuid: (at, { main }) => `uuid_hash_extended(${at}, ${main})`,
  text: ofOwnText,
  varchar: ofOwnText,
  // The hash functions of these types follow their `=`, under which 1.0 equals 1.00 and -0 equals 0: hash the text.
  ...Object.fromEntries(['numeric', 'float4', 'float8', 'json', 'jsonb'].map((type) => [type, ofOwnText])),
};

/**
 * SQL per type whose binary form is hashed. timestamp_hash_extended folds words as hashint8 does, so it cannot be used;
 * the binary form, as in COPY, is cheaper than the text.
 */
const BYTES: Readonly<Record<string, (at: string) => string>> = {
  bytea: (at) => at,
  ...Object.fromEntries(
    ['timestamp', 'timestamptz', 'date', 'time'].map((type) => [type, (at: string) => `${type}_send(${at})`]),
  ),
};

/**
 * numeric(p,s): all values have the same scale, and none is infinite. hash_numeric_extended
 * (src/backend/utils/adt/numeric.c) covers neither sign nor scale: a negative number gets another seed, and the scale is
 * fixed. It returns the hash of the digits XOR the weight, so if two columns of a row moved their decimal points alike,
 * the two weights would cancel in the XOR of the columns: hence it is hashed once more.
 */
function ofFixedNumeric(at: string, { main, other }: Seed): string {
  return `hashint4extended(0, hash_numeric_extended(${at}, CASE WHEN ${at} < 0 THEN ${other} ELSE ${main} END))`;
}

function ofOwnText(at: string, seed: Seed): string {
  return ofText(`${at}::text COLLATE "C"`)(seed);
}

/** If a server cannot hash bytea (before PostgreSQL 18), the hexadecimal text is hashed instead, on both sides. */
function ofBytes(bytes: string, sides: readonly Column[]): ColumnHash {
  if (!sides.every(({ hashesBytes }) => hashesBytes)) return ofText(`encode(${bytes}, 'hex') COLLATE "C"`);
  return ({ main }) => `hashbyteaextended(${bytes}, ${main})`;
}

/** Hashes a text. The expression must have collation C: a nondeterministic one gives different texts the same hash. */
export function ofText(text: string): ColumnHash {
  return ({ main }) => `hashtextextended(${text}, ${main})`;
}

/**
 * Hashes a column whose type has the same name on both sides. A type that is not PostgreSQL's own, or whose hash is not
 * known to distinguish all values, is hashed as the text that a record prints. That is its output function, which loses
 * nothing; a cast to text may (`char(n)` loses its blanks, an extension's cast whatever its author chose).
 */
export function ofValue(at: string, sides: readonly Column[]): ColumnHash {
  // Only pg_catalog is in the search path, so the name of any other type includes its schema.
  const isOurs = sides.every(({ kind, cast }) => kind === 'b' && !cast.includes('.'));
  const [{ type = '', cast = '' } = {}, ...others] = sides;
  const isFixed = /^numeric\(\d+,\d+\)$/.test(cast) && others.every((other) => other.cast === cast);
  const bytes = isOurs ? BYTES[type] : undefined;
  if (bytes !== undefined) return ofBytes(bytes(at), sides);
  const exact = isOurs ? (isFixed ? ofFixedNumeric : EXACT[type]) : undefined;
  return exact === undefined ? ofText(`ROW(${at})::text COLLATE "C"`) : (seed) => exact(at, seed);
}

/**
 * Hashes the number of a block of keys: equal integers of any width have equal hashes, and NULL has 0. The high word is
 * folded in, so two blocks may have the same hash. That is harmless: they share a bucket, as other blocks do.
 */
export function blockHash(type: string): (at: string) => string {
  return (at) => `coalesce(hash${type}extended(${at}, ${constant(1)}), 0)`;
}

type Purpose = 'row' | 'key';

/**
 * Joins the hashes of columns to one hash, of a row or of its key: their XOR is the 64-bit seed of a last hash. Without
 * the last hash, a sum over rows of the bare XORs would often stay the same when two rows swap the values of a column.
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

/**
 * The `n`-th constant: 63 bits, spread evenly, all different. It is `n` times an odd number near 2^64 / golden ratio, as
 * in Fibonacci hashing (Knuth, The Art of Computer Programming 3, §6.4).
 */
function constant(n: number): bigint {
  return BigInt.asUintN(63, BigInt(n) * 0x9e3779b97f4a7c15n);
}
