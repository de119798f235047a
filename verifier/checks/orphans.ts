import { type Check, type CheckContext, type CheckResult, finding } from '../check.ts';
import type { ForeignKey, Table } from '../observe/catalogue.ts';
import { readForeignKeys } from '../observe/catalogue.ts';
import { ident } from '../postgres.ts';
import type { Finding } from '../report.ts';
import { worst } from '../verdict.ts';

const name = 'orphans';
const EXAMPLES = 5;
/** An orphan is one that still is one behind so many further fences: topics arrive each at its own pace. */
const ROUNDS = 2;

/** The source's foreign keys, held against the sink, which has none of its own. */
export default {
  name,
  describe: 'Every reference that the source enforces holds in the sink.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const { copies } = await context.catalogues();
    const orphans = new Map<string, number>();
    const findings: Finding[] = [];
    const skipped: string[] = [];
    const keys = await readForeignKeys(await context.source());
    for (const key of keys) {
      const child = copies.get(key.table);
      if (child === undefined) continue;
      const parent = copies.get(key.referenced);
      const found = await orphansOf(context, key, child, parent);
      if (found === null) skipped.push(key.name);
      else if (found.count > 0) {
        orphans.set(key.table, (orphans.get(key.table) ?? 0) + found.count);
        findings.push(report(key, found));
      }
    }
    const told = skipped.length === 0 ? '' : `; still under way: ${skipped.join(', ')}`;
    const total = [...orphans.values()].reduce((a, b) => a + b, 0);
    return {
      verdict: worst([total > 0 ? 'FAIL' : 'PASS', skipped.length > 0 ? 'SYNC_IN_PROGRESS' : 'PASS']),
      detail: `${total} orphans by ${keys.length} foreign keys${told}`,
      findings,
      orphans,
    };
  },
} satisfies Check;

interface Found {
  readonly count: number;
  readonly examples: readonly Record<string, string | null>[];
}

/** Null where a further fence could not be passed. */
async function orphansOf(
  context: CheckContext,
  key: ForeignKey,
  child: Table,
  parent: Table | undefined,
): Promise<Found | null> {
  const sql = orphanSql(key, child, parent);
  if (sql === null) return { count: 0, examples: [] };
  const sink = await context.sink();
  const look = async (): Promise<Found> => {
    const rows = await sink.query(sql);
    return {
      count: Number(rows[0]?.total ?? 0),
      examples: rows.map(({ total: _, ...reference }) => reference),
    };
  };
  let found = await look();
  for (let round = 0; round < ROUNDS && found.count > 0; round++) {
    if ((await context.passFence()) !== 'passed') return null;
    const again = await look();
    // Under live writes others may be orphans for a moment: never more of them than both times.
    found = again.count < found.count ? again : { count: found.count, examples: again.examples };
  }
  return found;
}

/** Null where the copies lack a column that the key needs: another check's business. */
function orphanSql(key: ForeignKey, child: Table, parent: Table | undefined): string | null {
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
      : `EXISTS (SELECT FROM ${ident(parent.schema)}.${ident(parent.name)} p WHERE ${equal.join(' AND ')})`;
  const shown = [...new Set([...child.key.map((column) => column.name), ...key.columns])];
  return `SELECT count(*) OVER ()::text AS total, ${shown.map((column) => `c.${ident(column)}::text`).join(', ')}
          FROM ${ident(child.schema)}.${ident(child.name)} c
          WHERE ${notNull} AND NOT ${exists} LIMIT ${EXAMPLES}`;
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
