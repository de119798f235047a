import type { Check, CheckContext, CheckResult } from '../check.ts';
import { keyOf } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import { ident } from '../connection/postgres.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import type { ForeignKey, Table } from '../observe/source/catalogue.ts';
import { readForeignKeys, relationOf } from '../observe/source/catalogue.ts';
import type { Finding } from '../report.ts';
import { finding } from '../report.ts';
import { accountedRows } from '../verification/comparison.ts';

const name = 'orphans';
const EXAMPLES = 5;
/** Topics arrive each at its own pace, so an orphan is one that still is one behind another fence. */
const ROUNDS = 1;
/** Rows looked at again, by key; of more than these their number is compared alone. */
const CANDIDATES = 10_000;

/** The source's foreign keys, held against the sink, which has none of its own. */
export default {
  name,
  describe: 'Every reference that the source enforces holds in the sink.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const { copies, source } = await context.catalogues();
    const sink = await context.sink();
    const keys = (await readForeignKeys(await context.source())).filter((key) => copies.has(key.table));
    const accounted = await accountedKeys(context, keys);
    const seen = { copies, source, accounted };
    let found = await look(sink, keys, seen);
    for (let round = 0; round < ROUNDS && found.size > 0; round++) {
      if ((await context.passFence()) !== 'passed') return underWay(found);
      found = settled(found, await look(sink, [...found.keys()], seen, found));
    }
    const orphans = new Map<string, number>();
    for (const [{ table }, { count }] of found) orphans.set(table, (orphans.get(table) ?? 0) + count);
    const total = [...orphans.values()].reduce((a, b) => a + b, 0);
    return {
      verdict: total > 0 ? 'FAIL' : 'PASS',
      detail: `${total} orphans by ${keys.length} foreign keys`,
      findings: [...found].map(([key, own]) => report(key, own)),
      orphans,
    };
  },
} satisfies Check;

type Accounted = ReadonlyMap<ForeignKey, readonly string[]>;

/** Rows that wait in a dead-letter topic: what refers to them is whole once they are applied. */
async function accountedKeys(context: CheckContext, keys: readonly ForeignKey[]): Promise<Accounted> {
  const { tables } = await context.content();
  const accounted = new Map<ForeignKey, readonly string[]>();
  for (const key of keys) {
    const parent = tables.find(({ table }) => table.id === key.referenced);
    const pair = parent?.comparison?.pair;
    if (parent === undefined || pair === undefined) continue;
    const texts = accountedRows(parent).map((row) => {
      const own = keyOf(pair, row.keyText);
      // As PostgreSQL prints a jsonb array.
      return `[${key.referencedColumns.map((column) => JSON.stringify(own[column] ?? null)).join(', ')}]`;
    });
    if (texts.length > 0) accounted.set(key, texts);
  }
  return accounted;
}

function underWay(found: ReadonlyMap<ForeignKey, Found>): CheckResult {
  const names = [...found.keys()].map((key) => key.name).join(', ');
  return { verdict: 'SYNC_IN_PROGRESS', detail: `still under way: ${names}`, findings: [] };
}

/** Where there were too many to name, others may be among them by now: never more than each time. */
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
  /** Primary keys as JSON arrays, where all could be named; null: too many, or no primary key. */
  readonly identities: readonly string[] | null;
}

/** Foreign keys with orphans in the sink; with `among`, only those rows that were orphans then. */
async function look(
  sink: Database,
  keys: readonly ForeignKey[],
  { copies, source, accounted }: Pick<Catalogues, 'copies' | 'source'> & { accounted: Accounted },
  among?: Orphans,
): Promise<Orphans> {
  const found = new Map<ForeignKey, Found>();
  for (const key of keys) {
    const child = copies.get(key.table);
    // By the source's primary key: the copy of an inserting sink has none.
    const identity = (source.get(key.table)?.key ?? []).map((column) => column.name);
    const sql = child === undefined ? null : orphanSql(key, identity, child, copies.get(key.referenced));
    if (sql === null) continue;
    const rows = await sink.query(sql, [among?.get(key)?.identities ?? null, accounted.get(key) ?? []]);
    const count = Number(rows[0]?.total ?? 0);
    if (count === 0) continue;
    const examples = rows.slice(0, EXAMPLES).map(({ total: _, identity: __, ...reference }) => reference);
    const isNamed = identity.length > 0 && count <= CANDIDATES;
    found.set(key, { count, examples, identities: isNamed ? rows.map((row) => String(row.identity)) : null });
  }
  return found;
}

/** Null where the copies lack a column that the key needs: another check's business. */
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
