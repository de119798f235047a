import { ALL_KEYS, inRange, type KeyRange } from '../compare/ranges.ts';
import { keyFilter } from '../compare/read-keys.ts';
import type { TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import { ident } from '../connection/postgres.ts';
import type { Column } from '../observe/source/catalogue.ts';
import { UNCHANGED } from './test-decoding.ts';
import type { Version } from './touched.ts';

/** A key of the stream in the terms of the comparison. */
export interface ResolvedKey {
  /** As `SideSql.keyText` gives it. */
  readonly text: string;
  /** As `SideSql.keyHash` gives it. */
  readonly hash: bigint;
  /** Whether the requested range contains it. */
  readonly inside: boolean;
}

/** A row as the bucket digests count it. */
export interface HashedRow {
  /** As `SideSql.keyText` gives it. */
  readonly text: string;
  readonly bucket: number;
  readonly hash: bigint;
}

type Values = readonly (string | null)[];

/** Limits of one statement: rows, and about how many characters. */
const ROWS_PER_QUERY = 250;
const CHARACTERS_PER_QUERY = 4_000_000;

/**
 * Resolves keys, given as JSON arrays of the values that they have on one side.
 * @returns one answer per key, in their order.
 */
export async function resolveKeys(
  database: Database,
  pair: TablePair,
  keys: readonly string[],
  { range = ALL_KEYS, side = 'source' }: { range?: KeyRange; side?: 'source' | 'sink' } = {},
): Promise<readonly ResolvedKey[]> {
  const sql = pair.sides[side];
  if (sql === null) throw new Error('a copy that is absent has no keys');
  const rows = keys.map((key) => JSON.parse(key) as Values);
  const select = `${sql.keyText} AS t, (${sql.keyHash})::text AS h, (${inRange(pair, range, side)})::text AS inside`;
  const columns = pair.key.map(({ source, sink }) => {
    const { name, cast } = side === 'source' ? source : (sink ?? source);
    return { name, cast };
  });
  const resolved = await overValues(database, columns, select, rows);
  return resolved.map((row) => ({
    text: row.t ?? '',
    hash: BigInt(row.h ?? 0),
    inside: row.inside === 'true',
  }));
}

/** Hashes versions, in their order: the hash is that of a row of the table with these values. */
export async function hashVersions(
  database: Database,
  pair: TablePair,
  versions: readonly Values[],
  hash = pair.sides.source.rowHash,
): Promise<readonly string[]> {
  const select = `(${hash})::text AS h`;
  return (await overValues(database, sourceColumns(pair), select, versions)).map((row) => row.h ?? '');
}

/** Canonical texts of the columns of versions, as `readKeys` returns them for rows. */
export async function versionImages(
  database: Database,
  pair: TablePair,
  versions: readonly Values[],
): Promise<readonly Values[]> {
  const select = pair.columns.map((column, i) => `${column.sourceText} AS c${i}`).join(', ');
  const rows = await overValues(database, sourceColumns(pair), select, versions);
  return rows.map((row) => pair.columns.map((_, i) => row[`c${i}`] ?? null));
}

/**
 * Hashes the rows of the given keys on one side. A key may have several rows, or none.
 * @param hash SQL of another hash than that of the row.
 */
export async function hashRows(
  database: Database,
  pair: TablePair,
  side: 'source' | 'sink',
  buckets: number,
  keyTexts: readonly string[],
  hash: string | null = null,
): Promise<readonly HashedRow[]> {
  const sql = side === 'source' ? pair.sides.source : pair.sides.sink;
  if (sql === null || keyTexts.length === 0) return [];
  const { where, values } = keyFilter(pair, side, keyTexts);
  const rows = await database.query(
    `SELECT t, b::text AS b, h::text AS h
     FROM (SELECT ${sql.keyText} AS t, ${sql.bucketHash} & ${buckets - 1} AS b, ${hash ?? sql.rowHash} AS h
           FROM ${sql.from} WHERE ${where} OFFSET 0) hashes`,
    values,
  );
  return rows.map((row) => ({
    text: row.t ?? '',
    bucket: Number(row.b),
    hash: BigInt(row.h ?? 0),
  }));
}

/**
 * Fills in, from the source's snapshot, the TOASTed values that the stream left out.
 * @throws if the snapshot lacks the row: then a version is unknown.
 */
export async function fillVersions(
  source: Database,
  control: Database,
  pair: TablePair,
  versions: readonly Version[],
): Promise<readonly Values[]> {
  const open = versions.filter(({ values }) => values.includes(UNCHANGED));
  const bases = [...new Set(open.map(({ base }) => base))];
  const kept = new Map<string, Values>();
  const all = pair.columns.map((column, i) => `(${ident(column.source.name)})::text AS c${i}`).join(', ');
  for (const some of chunks(bases, () => 0)) {
    const texts = (await resolveKeys(control, pair, some)).map(({ text }) => text);
    const { where, values } = keyFilter(pair, 'source', texts);
    const { from, keyText } = pair.sides.source;
    const rows = await source.query(`SELECT ${keyText} AS t, ${all} FROM ${from} WHERE ${where}`, values);
    const byText = new Map(rows.map((row) => [row.t ?? '', row]));
    for (const [i, base] of some.entries()) {
      const row = byText.get(texts[i] ?? '');
      if (row === undefined)
        throw new Error("the source's snapshot lacks the row of an unchanged TOAST value");
      kept.set(
        base,
        pair.columns.map((_, at) => row[`c${at}`] ?? null),
      );
    }
  }
  return versions.map(({ values, base }) =>
    values.map((value, i) => (value === UNCHANGED ? (kept.get(base)?.[i] ?? null) : value)),
  );
}

function sourceColumns({ columns }: TablePair): readonly Column[] {
  return columns.map(({ source }) => source);
}

/**
 * Evaluates expressions over rows that are not stored anywhere: each value is cast to its column's type and named like
 * its column, and the columns that the source generates are computed. They are the last columns, and no row has a value for
 * them. `OFFSET 0` keeps the planner from flattening the subquery, which would cast once per use of a column.
 * @returns one answer per row, in their order.
 */
export async function overValues(
  database: Database,
  all: readonly Pick<Column, 'name' | 'cast' | 'expression'>[],
  select: string,
  rows: readonly Values[],
): Promise<readonly Readonly<Record<string, string | null>>[]> {
  const columns = all.filter(({ expression }) => expression === undefined);
  const computed = all.flatMap(({ name, cast, expression }) =>
    expression === undefined ? [] : [`, (${expression})::${cast} AS ${ident(name)}`],
  );
  const cast = columns.map((column, i) => `k${i}::${column.cast} AS ${ident(column.name)}`).join(', ');
  const arrays = columns.map((_, i) => `$${i + 1}::text[]`).join(', ');
  const names = columns.map((_, i) => `k${i}`).join(', ');
  const sql = `
    SELECT ${select} FROM (SELECT v.*${computed.join('')} FROM (
      SELECT ${cast}, ordinal AS "cdc-lab ordinal"
      FROM unnest(${arrays}) WITH ORDINALITY AS given(${names}, ordinal) OFFSET 0) v OFFSET 0) v
    ORDER BY "cdc-lab ordinal"`;
  const answers: Readonly<Record<string, string | null>>[] = [];
  const size = (row: Values): number => row.reduce((sum, value) => sum + (value?.length ?? 0), 0);
  for (const some of chunks(rows, size)) {
    const values = columns.map((_, i) => some.map((row) => row[i] ?? null));
    const found = await database.query(sql, values);
    if (found.length !== some.length) throw new Error(`${some.length} rows gave ${found.length} answers`);
    answers.push(...found);
  }
  return answers;
}

/** The two 32-bit words of a hash, as an `IdentitySet` takes them. */
export function halves(hash: bigint): readonly [number, number] {
  return [Number(BigInt.asUintN(32, hash >> 32n)), Number(BigInt.asUintN(32, hash))];
}

/** Splits items into chunks that one statement can take. @param size Characters of an item. */
export function* chunks<T>(items: readonly T[], size: (item: T) => number): Generator<readonly T[]> {
  let chunk: T[] = [];
  let characters = 0;
  for (const item of items) {
    chunk.push(item);
    characters += size(item);
    if (chunk.length < ROWS_PER_QUERY && characters < CHARACTERS_PER_QUERY) continue;
    yield chunk;
    chunk = [];
    characters = 0;
  }
  if (chunk.length > 0) yield chunk;
}
