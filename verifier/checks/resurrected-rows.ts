import { METADATA_COLUMNS, TOMBSTONES_TABLE } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckContext, type CheckResult, pass } from '../check.ts';
import { ident } from '../connection/postgres.ts';
import { relationOf, type Table } from '../observe/source/catalogue.ts';
import type { Example, Finding } from '../report.ts';
import { finding } from '../report.ts';
import { exampleOf, type TableContent } from '../verification/comparison.ts';

const name = 'resurrected-rows';
const EXAMPLES = 5;

/**
 * Rows that were deleted and came back: the sink's own mark says that the key was deleted behind the row's position, or
 * the topic has an older change of the key again behind its delete, and the row is there. `extra-rows` sees those that
 * the source lacks; only here is it told that they had been gone.
 */
export default {
  name,
  describe: 'No row that was deleted is back because an older change came again.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const { copies, source } = await context.catalogues();
    const marks = await marksTable(context);
    const { tables } = await context.content();
    const blind = tables.filter(({ comparison }) => comparison === null);
    const findings: Finding[] = [];
    let looked = 0;
    for (const [id, copy] of copies) {
      const key = source.get(id)?.key ?? [];
      const sql = marks === null ? null : markedSql(marks, copy, key);
      const marked = sql === null ? null : await markedRows(context, sql, copy.id, key);
      const own =
        marked !== null && marked.count > 0 ? marked : fromTopic(tables.find(({ table }) => table.id === id));
      if (marked !== null) looked++;
      if (own.count > 0) findings.push(report(id, own));
    }
    const unread = blind.map(({ table }) => table.id).join(', ');
    const detail = [
      ...(findings.length > 0 ? findings.map((one) => one.detail) : [`none in ${copies.size} tables`]),
      ...(marks === null
        ? ['the sink keeps no marks of what it has deleted']
        : [`${looked} by the sink's marks`]),
      ...(blind.length === 0 ? [] : [`not compared: ${unread}`]),
    ].join('; ');
    if (findings.length > 0) return { verdict: 'FAIL', detail, findings };
    return blind.length === 0 ? pass(detail) : { verdict: 'INCONCLUSIVE', detail, findings };
  },
} satisfies Check;

interface Back {
  readonly count: number;
  readonly examples: readonly Example[];
}

async function marksTable({ config, sink }: CheckContext): Promise<string | null> {
  const table = `${ident(config.sink.schema)}.${ident(TOMBSTONES_TABLE)}`;
  return (await (await sink()).one('SELECT to_regclass($1)::text AS name', [table])).name ?? null;
}

/** Null where the copy keeps no positions or has no key by which it could have been deleted. */
function markedSql(marks: string, copy: Table, key: Table['key']): string | null {
  const has = (column: string): boolean => copy.columns.some((own) => own.name === column);
  const names = key.map((column) => column.name);
  if (names.length === 0 || ![...names, METADATA_COLUMNS.position].every(has)) return null;
  const [only, ...more] = names.map((column) => `t.${ident(column)}::text`);
  // As the sink writes a key: its value, or the JSON array of several.
  const text = more.length === 0 ? only : `json_build_array(${[only, ...more].join(', ')})::text`;
  const same = more.length === 0 ? `d.key = ${text}` : `d.key::jsonb = (${text})::jsonb`;
  const shown = names.map((column, i) => `t.${ident(column)}::text AS "k${i}"`).join(', ');
  return `SELECT count(*) OVER ()::text AS total, d.position AS deleted, ${shown}
          FROM ${marks} d JOIN ${relationOf(copy)} AS t ON ${same}
          WHERE d.table_name = $1
            AND coalesce(t.${ident(METADATA_COLUMNS.position)}, '') COLLATE "C" <= d.position LIMIT ${EXAMPLES}`;
}

async function markedRows(
  context: CheckContext,
  sql: string,
  table: string,
  key: Table['key'],
): Promise<Back> {
  const rows = await (await context.sink()).query(sql, [table]);
  const examples = rows.map((row): Example => {
    const values = Object.fromEntries(key.map((column, i) => [column.name, row[`k${i}`] ?? null]));
    return { key: values, columns: [], detail: `the sink deleted it at ${row.deleted}` };
  });
  return { count: Number(rows[0]?.total ?? 0), examples };
}

/** Extra rows whose last record, by position, deletes them, and which an older one came behind. */
function fromTopic(content: TableContent | undefined): Back {
  const { comparison, history } = content ?? {};
  if (content === undefined || comparison == null || history == null) return { count: 0, examples: [] };
  const rows = content.attributed.filter((row) => {
    const last = row.last;
    if (row.class !== 'extra' || last === null || last.position === null || last.event?.op !== 'd')
      return false;
    return (history.records.get(row.keyText) ?? []).some(
      ({ event, position, partition, offset }) =>
        event !== null &&
        event.op !== 'd' &&
        position !== null &&
        position < (last.position ?? '') &&
        partition === last.partition &&
        offset > last.offset,
    );
  });
  const examples = rows.slice(0, EXAMPLES).map((row) => ({
    ...exampleOf(comparison, row),
    detail: 'an older change of it came again behind its delete',
  }));
  return { count: rows.length, examples };
}

function report(table: string, { count, examples }: Back): Finding {
  const first = examples[0] ?? null;
  const detail = `${count} rows of ${table} are back after their delete: ${first?.detail ?? ''}`;
  const about = {
    check: name,
    class: 'resurrected',
    verdict: 'FAIL',
    table,
    hop: 'sink',
    count,
    detail,
  } as const;
  return finding({ ...about, first, examples: [...examples] });
}
