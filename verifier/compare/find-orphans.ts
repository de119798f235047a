import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Database, Row } from '../connection/postgres.ts';
import type { Known } from '../observe/source/foreign-keys.ts';
import { MAX_EXAMPLES } from '../report.ts';
import { MOST_NAMED, orphanSql, type Reference } from './orphan-sql.ts';

/** Rows of the sink that refer to no row, and that do not do so at the source. */
export interface Orphans {
  readonly count: number;
  readonly examples: readonly Record<string, string | null>[];
  /** Primary keys as JSON arrays; null if there are too many orphans, or no primary key. */
  readonly identities: readonly string[] | null;
}

export interface FoundOrphans {
  readonly wrong: ReadonlyMap<Reference, Orphans>;
  /** Foreign keys that could not be judged, with the reason. */
  readonly open: ReadonlyMap<Reference, string>;
}

interface Side {
  readonly database: Database;
  readonly known: Known;
}

interface Search {
  readonly source: Side;
  readonly sink: Side;
  /** References that are valid although the sink lacks the row, as JSON arrays. */
  readonly accounted: ReadonlyMap<Reference, readonly string[]>;
  /** Only rows that were orphans then count. */
  readonly among?: ReadonlyMap<Reference, Orphans>;
}

/**
 * Looks for orphans in the sink. The source is asked only about those that are found, after the sink: what it lacks then
 * is on its way. A foreign key that cannot be judged does not hide the others.
 */
export async function findOrphans(references: readonly Reference[], search: Search): Promise<FoundOrphans> {
  const wrong = new Map<Reference, Orphans>();
  const open = new Map<Reference, string>();
  for (const reference of references) {
    try {
      const { orphans, isExact } = await orphansOf(reference, search);
      if (orphans === null) continue;
      if (isExact) wrong.set(reference, orphans);
      else open.set(reference, 'the sink cannot compare its columns as the source does');
    } catch (error) {
      open.set(reference, messageOf(error));
    }
  }
  return { wrong, open };
}

async function orphansOf(
  reference: Reference,
  { source, sink, accounted, among }: Search,
): Promise<{ orphans: Orphans | null; isExact: boolean }> {
  const sql = orphanSql(reference, 'sink', sink.known);
  const own = orphanSql(reference, 'source', source.known);
  if (sql === null || own === null) return { orphans: null, isExact: true };
  const isKeyed = reference.child.key.length > 0;
  const identities = (rows: readonly Row[]) => rows.map((row) => row.identity ?? '');
  const given = [among?.get(reference)?.identities ?? null, accounted.get(reference) ?? []];
  const theirs = await sink.database.query(sql.text, given);
  if (theirs.length === 0) return { orphans: null, isExact: true };
  const areNamed = totalOf(theirs) <= MOST_NAMED;
  const ours = await source.database.query(own.text, [isKeyed && areNamed ? identities(theirs) : null, []]);
  const rows = without(theirs, ours);
  const count = areNamed && totalOf(ours) <= MOST_NAMED ? rows.length : totalOf(theirs) - totalOf(ours);
  if (count <= 0) return { orphans: null, isExact: true };
  const examples = rows.slice(0, MAX_EXAMPLES).map((row) => exampleOf(reference, row));
  const named = isKeyed && areNamed ? identities(rows) : null;
  return { orphans: { count, examples, identities: named }, isExact: sql.isExact };
}

const totalOf = (rows: readonly Row[]): number => Number(rows[0]?.total ?? 0);

/** The rows of `theirs` that are not in `ours`, where equal ones are counted. */
function without(theirs: readonly Row[], ours: readonly Row[]): Row[] {
  const nameOf = (row: Row): string => JSON.stringify([row.identity, row.reference]);
  const left = new Map<string, number>();
  for (const row of ours) left.set(nameOf(row), (left.get(nameOf(row)) ?? 0) + 1);
  return theirs.filter((row) => {
    const count = left.get(nameOf(row)) ?? 0;
    if (count > 0) left.set(nameOf(row), count - 1);
    return count === 0;
  });
}

function exampleOf({ key, child }: Reference, row: Row): Record<string, string | null> {
  const named = (names: readonly string[], text: string | null | undefined) => {
    const values = JSON.parse(text ?? '[]') as (string | null)[];
    return Object.fromEntries(names.map((name, i) => [name, values[i] ?? null]));
  };
  return {
    ...named(
      child.key.map(({ source }) => source.name),
      row.identity,
    ),
    ...named(
      key.columns.map((column) => column.name),
      row.reference,
    ),
  };
}
