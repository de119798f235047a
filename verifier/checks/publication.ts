import { type Check, type CheckResult, notApplicable, pass } from '../check.ts';
import type { Database } from '../connection/postgres.ts';
import { eachTable } from '../observe/each-table.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { finding } from '../report.ts';
import { tableId } from '../table-id.ts';
import { withUnread } from '../verification/unread-tables.ts';

const name = 'publication';
const OPERATIONS = ['insert', 'update', 'delete', 'truncate'] as const;

/** Rows of the view as JSON, because `attnames` and `rowfilter` exist only from PostgreSQL 15 on. */
const TABLES_SQL = `SELECT to_jsonb(t)::text AS published FROM pg_publication_tables t WHERE pubname = $1`;

/** A publication lists a partitioned table itself, or each of its leaves. */
const LEAVES_SQL = `
  SELECT coalesce(bool_and(EXISTS (SELECT FROM pg_publication_tables t
    WHERE t.pubname = $1 AND t.schemaname = n.nspname AND t.tablename = c.relname)), false)::text AS published
  FROM pg_partition_tree(format('%I.%I', $2::text, $3::text)::regclass) p
  JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE p.isleaf AND p.level > 0`;

interface Published {
  readonly schemaname: string;
  readonly tablename: string;
  readonly attnames?: readonly string[] | null;
  readonly rowfilter?: string | null;
}

/** A table that was dropped from the publication may still be equal, until the next write to it. */
export default {
  name,
  describe: 'The publication contains every table with all of its columns, rows and operations.',
  needsFence: true,
  async run({ config, databases, evidence }): Promise<CheckResult> {
    const { publication } = config.source;
    if (publication === null) return notApplicable('no publication is configured');
    const source = await databases.source();
    const [own] = await source.query(
      `SELECT pubinsert::text AS insert, pubupdate::text AS update, pubdelete::text AS delete,
              pubtruncate::text AS truncate FROM pg_publication WHERE pubname = $1`,
      [publication],
    );
    if (own === undefined) throw new Error(`the source has no publication ${publication}`);
    const problems: [string | null, string][] = OPERATIONS.filter(
      (operation) => own[operation] !== 'true',
    ).map((operation) => [null, `${publication} does not publish ${operation.toUpperCase()}`]);
    const rows = await source.query(TABLES_SQL, [publication]);
    const published = new Map(
      rows.map(({ published: json }) => {
        const row = JSON.parse(json ?? '{}') as Published;
        return [tableId({ schema: row.schemaname, name: row.tablename }), row];
      }),
    );
    const tables = (await evidence.catalogues()).expected.map((table) => [table.id, table] as const);
    const { answers, unread } = await eachTable(tables, async (table) =>
      problemOf(await databases.source(), publication, table, published.get(table.id)),
    );
    for (const [id, problem] of answers) if (problem !== null) problems.push([id, problem]);
    const whole = pass(unread.size > 0 ? '' : `${publication} publishes every table whole`);
    if (problems.length === 0) return withUnread(name, whole, unread, 'capture');
    const findings = problems.map(([table, detail]) => {
      const blind = {
        check: name,
        class: 'evidence-missing',
        verdict: 'INCONCLUSIVE',
        hop: 'capture',
      } as const;
      return finding({ ...blind, table, detail });
    });
    const detail = problems.map(([, problem]) => problem).join('; ');
    return withUnread(name, { verdict: 'INCONCLUSIVE', detail, findings }, unread, 'capture');
  },
} satisfies Check;

async function problemOf(
  source: Database,
  publication: string,
  table: Table,
  row: Published | undefined,
): Promise<string | null> {
  if (row === undefined) {
    const leaves = await source.one(LEAVES_SQL, [publication, table.schema, table.name]);
    if (leaves.published === 'true') return null;
    return `${table.id} is not in ${publication}: writes to it are not captured`;
  }
  const names = row.attnames ?? null;
  const left = names === null ? [] : table.columns.filter((column) => !names.includes(column.name));
  if (left.length > 0) {
    return `${publication} leaves out ${left.map((column) => column.name).join(', ')} of ${table.id}`;
  }
  if (row.rowfilter != null) return `${publication} filters the rows of ${table.id}: ${row.rowfilter}`;
  return null;
}
