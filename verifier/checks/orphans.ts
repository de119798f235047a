import type { Check, CheckResult } from '../check.ts';
import { keyOf } from '../compare/table-pair.ts';
import { type Database, ident } from '../connection/postgres.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import { type ForeignKey, readForeignKeys, relationOf, type Table } from '../observe/source/catalogue.ts';
import { type Finding, finding, MAX_EXAMPLES } from '../report.ts';
import type { Content } from '../verification/comparison.ts';
import { accountedRows } from '../verification/row-findings.ts';

const name = 'orphans';
/** Topics arrive at different speeds, so a row is an orphan only if it still is one behind a further fence. */
const ROUNDS = 1;
/** Orphans that are looked at again by key. If there are more, only their number is compared. */
const CANDIDATES = 10_000;

/** Checks the source's foreign keys in the sink, which has no foreign keys itself. */
export default {
  name,
  describe: 'Every foreign key of the source holds in the sink.',
  needsFence: true,
  async run({ databases, pipeline, evidence }): Promise<CheckResult> {
    const { copies, source } = await evidence.catalogues();
    const sink = await databases.sink();
    const keys = (await readForeignKeys(await databases.source())).filter((key) => copies.has(key.table));
    const accounted = accountedKeys(await evidence.content(), keys);
    const seen = { copies, source, accounted };
    let found = await look(sink, keys, seen);
    for (let round = 0; round < ROUNDS && found.size > 0; round++) {
      if ((await pipeline.passFence()) !== 'passed') return inProgress(found);
      found = settled(found, await look(sink, [...found.keys()], seen, found));
    }
    const orphans = new Map<string, number>();
    for (const [{ table }, { count }] of found) orphans.set(table, (orphans.get(table) ?? 0) + count);
    const total = [...orphans.values()].reduce((a, b) => a + b, 0);
    return {
      verdict: total > 0 ? 'FAIL' : 'PASS',
      detail: `${total} orphans among ${keys.length} foreign keys`,
      findings: [...found].map(([key, own]) => report(key, own)),
      orphans,
    };
  },
} satisfies Check;

type Accounted = ReadonlyMap<ForeignKey, readonly string[]>;

/** Keys of rows that wait in a dead-letter topic: a reference to them is valid once they are applied. */
function accountedKeys({ tables }: Content, keys: readonly ForeignKey[]): Accounted {
  const accounted = new Map<ForeignKey, readonly string[]>();
  for (const key of keys) {
    const parent = tables.find(({ table }) => table.id === key.referenced);
    const pair = parent?.comparison?.pair;
    if (parent === undefined || pair === undefined) continue;
    const texts = accountedRows(parent).map((row) => {
      const own = keyOf(pair, row.keyText);
      // Formatted as PostgreSQL prints a jsonb array.
      return `[${key.referencedColumns.map((column) => JSON.stringify(own[column] ?? null)).join(', ')}]`;
    });
    if (texts.length > 0) accounted.set(key, texts);
  }
  return accounted;
}

function inProgress(found: ReadonlyMap<ForeignKey, Found>): CheckResult {
  const names = [...found.keys()].map((key) => key.name).join(', ');
  return { verdict: 'SYNC_IN_PROGRESS', detail: `rows are still on their way for ${names}`, findings: [] };
}

/** If there were too many to name, other rows may be among them by now: the smaller of the two numbers counts. */
function settled(before: Orphans, again: Orphans): Orphans {
  return new Map(
    [...again].map(([key, own]) => [
      key,
      { ...own, count: Math.min(own.count, before.get(key)?.count ?? 0) },
    ]),
  );
}

type Orphans = ReadonlyMap<ForeignKey, Found>;
interface Found {
  readonly count: number;
  readonly examples: readonly Record<string, string | null>[];
  /** Primary keys as JSON arrays; null if there are too many orphans, or no primary key. */
  readonly identities: readonly string[] | null;
}

/** Foreign keys with orphans in the sink. With `among`, only rows that were orphans then count. */
async function look(
  sink: Database,
  keys: readonly ForeignKey[],
  { copies, source, accounted }: Pick<Catalogues, 'copies' | 'source'> & { accounted: Accounted },
  among?: Orphans,
): Promise<Orphans> {
  const found = new Map<ForeignKey, Found>();
  for (const key of keys) {
    const child = copies.get(key.table);
    // By the source's primary key: the copy of an insert-only sink has none.
    const identity = (source.get(key.table)?.key ?? []).map((column) => column.name);
    const sql = child === undefined ? null : orphanSql(key, identity, child, copies.get(key.referenced));
    if (sql === null) continue;
    const rows = await sink.query(sql, [among?.get(key)?.identities ?? null, accounted.get(key) ?? []]);
    const count = Number(rows[0]?.total ?? 0);
    if (count === 0) continue;
    const examples = rows.slice(0, MAX_EXAMPLES).map(({ total: _, identity: __, ...reference }) => reference);
    const isNamed = identity.length > 0 && count <= CANDIDATES;
    found.set(key, { count, examples, identities: isNamed ? rows.map((row) => String(row.identity)) : null });
  }
  return found;
}

/** Null if a copy lacks a column of the foreign key, which another check reports. */
function orphanSql(
  key: ForeignKey,
  identityColumns: readonly string[],
  child: Table,
  parent: Table | undefined,
): string | null {
  const own = key.columns.map((name) => child.columns.find((column) => column.name === name));
  const theirs = key.referencedColumns.map((name) => parent?.columns.find((column) => column.name === name));
  if (own.includes(undefined) || (parent !== undefined && theirs.includes(undefined))) return null;
  const notNull = key.columns.map((column) => `c.${ident(column)} IS NOT NULL`).join(' AND ');
  const equal = key.columns.map((column, i) => {
    const cast = own[i]?.type === theirs[i]?.type ? '' : '::text';
    return `p.${ident(key.referencedColumns[i] ?? '')}${cast} = c.${ident(column)}${cast}`;
  });
  const exists =
    parent === undefined
      ? 'false'
      : `EXISTS (SELECT FROM ${relationOf(parent)} p WHERE ${equal.join(' AND ')})`;
  const shown = [...new Set([...child.key.map((column) => column.name), ...key.columns])];
  const identity = `json_build_array(${identityColumns.map((name) => `c.${ident(name)}::text`).join(', ')})::text`;
  const reference = `jsonb_build_array(${key.columns.map((column) => `c.${ident(column)}::text`).join(', ')})::text`;
  return `SELECT count(*) OVER ()::text AS total, ${identity} AS identity, ${shown.map((column) => `c.${ident(column)}::text`).join(', ')}
          FROM ${relationOf(child)} c
          WHERE ${notNull} AND NOT ${exists} AND ($1::text[] IS NULL OR ${identity} = ANY ($1)) AND NOT ${reference} = ANY ($2::text[])
          LIMIT ${CANDIDATES}`;
}

function report(key: ForeignKey, { count, examples }: Found): Finding {
  const rows = examples.map((reference) => ({ key: reference, columns: [...key.columns] }));
  return finding({
    check: name,
    class: 'orphan',
    verdict: 'FAIL',
    table: key.table,
    hop: 'sink',
    count,
    first: rows[0] ?? null,
    examples: rows,
    detail: `${count} rows of ${key.table} refer to no row of ${key.referenced} (${key.name})`,
  });
}
