import { ident } from '../connection/postgres.ts';
import { relationOf } from '../observe/source/catalogue.ts';
import type { ForeignKey, Known } from '../observe/source/foreign-keys.ts';
import { equalReference, type Referring } from './equal-reference.ts';
import type { TablePair } from './table-pair.ts';

/** A foreign key with the tables that it connects. */
export interface Reference {
  readonly key: ForeignKey;
  readonly child: TablePair;
  readonly parent: TablePair;
}

export interface OrphanSql {
  /**
   * Columns: `total`, `identity` (the primary key as a JSON array) and `reference` (another one). Parameters: identities
   * among which to look, or null; references that count as valid even without a row.
   */
  readonly text: string;
  /** False: the side cannot compare as the source does, and a row that it finds may be no orphan. */
  readonly isExact: boolean;
}

/** Orphans that a query names. If there are more, only their number is known. */
export const MOST_NAMED = 10_000;
/** The first version in which `range_agg` takes ranges and multiranges. */
const COVERS_PERIODS = 150_000;

/**
 * SQL that finds the rows of a side that refer to no row, as the source's foreign key understands it.
 * @returns null if the sink lacks a column of the key, which another check reports.
 * @throws if the sink cannot compare periods.
 */
export function orphanSql(reference: Reference, side: 'source' | 'sink', known: Known): OrphanSql | null {
  const { key, child, parent } = reference;
  const columns = columnsOf(reference, side);
  if (columns.some((column) => column === null)) return null;
  const rows = child[side];
  if (rows === undefined) return null;
  const textOf = (name: string): string => {
    const pair = child.columns.find(({ source }) => source.name === name);
    return (side === 'source' ? pair?.sourceText : pair?.sinkText) ?? 'NULL::text';
  };
  const texts = (names: readonly string[]) => `jsonb_build_array(${names.map(textOf).join(', ')})::text`;
  const identity = texts(child.key.map(({ source }) => source.name));
  const own = key.columns.map(({ name }, i) => `${ident(name)} AS f${i}`);
  const from = `(SELECT ${own.join(', ')}, ${identity} AS identity,
      ${texts(key.columns.map(({ name }) => name))} AS reference FROM ${relationOf(rows)} AS compared) c`;
  const exists = parent[side] === undefined ? { sql: 'false', isExact: true } : match(reference, side, known);
  const notNull = key.columns.map((_, i) => `c.f${i} IS NOT NULL`).join(' AND ');
  return {
    text: `SELECT count(*) OVER ()::text AS total, c.identity, c.reference FROM ${from}
      WHERE ${notNull} AND NOT ${exists.sql} AND ($1::text[] IS NULL OR c.identity = ANY ($1))
        AND (cardinality($2::text[]) = 0 OR NOT c.reference = ANY ($2)) LIMIT ${MOST_NAMED}`,
    isExact: exists.isExact,
  };
}

/** The columns of each part of the key, at the source and on this side; null if the sink lacks one. */
function columnsOf({ key, child, parent }: Reference, side: 'source' | 'sink') {
  const absent = parent[side] === undefined;
  return key.columns.map(({ name, referenced }): { source: Referring; own: Referring } | null => {
    const ours = child.columns.find(({ source }) => source.name === name);
    const theirs = parent.columns.find(({ source }) => source.name === referenced);
    if (ours === undefined || theirs === undefined) return null;
    const source = { parent: theirs.source, child: ours.source };
    if (side === 'source') return { source, own: source };
    const column = absent ? theirs.source : theirs.sink;
    if (ours.sink === undefined || column === undefined) return null;
    return { source, own: { parent: column, child: ours.sink } };
  });
}

/** SQL that is true if the row `c` refers to a row. */
function match(
  reference: Reference,
  side: 'source' | 'sink',
  known: Known,
): { sql: string; isExact: boolean } {
  const { key, parent } = reference;
  const rows = parent[side];
  if (rows === undefined) return { sql: 'false', isExact: true };
  let isExact = true;
  const equal: string[] = [];
  let period: string | null = null;
  for (const [i, columns] of columnsOf(reference, side).entries()) {
    const column = key.columns[i];
    if (columns === null || column === undefined) continue;
    const [p, c] = [`p.k${i}`, `c.f${i}`];
    if (column.isPeriod) {
      if (known.versionNumber < COVERS_PERIODS)
        throw new Error('the sink cannot compare periods before version 15');
      const as = (at: string, { type, cast }: { type: string; cast: string }, isType: string) =>
        type === isType ? at : `(${at})::text::${cast}`;
      const theirs = as(p, columns.source.parent, columns.own.parent.type);
      const ours = as(c, columns.source.child, columns.own.child.type);
      equal.push(`${theirs} && ${ours}`);
      period = `${ours} <@ (SELECT range_agg(${theirs})`;
      continue;
    }
    const one = equalReference(column, columns.source, columns.own, { p, c, known });
    equal.push(one.sql);
    isExact &&= one.isExact;
  }
  const keys = key.columns.map(({ referenced }, i) => `${ident(referenced)} AS k${i}`);
  const from = `FROM (SELECT ${keys.join(', ')} FROM ${relationOf(rows)} AS compared) p WHERE ${equal.join(' AND ')}`;
  // PostgreSQL's own check: `HAVING $n <@ range_agg(x.r)`, https://git.postgresql.org (ri_triggers.c).
  return { sql: period === null ? `EXISTS (SELECT ${from})` : `((${period} ${from})) IS TRUE)`, isExact };
}
