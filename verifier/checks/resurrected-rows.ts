import { bookedName, METADATA_COLUMNS, TOMBSTONES_TABLE } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckResult, notApplicable } from '../check.ts';
import { type Database, ident } from '../connection/postgres.ts';
import { eachTable } from '../observe/each-table.ts';
import { keepsMetadata, ownTable } from '../observe/sink/own-tables.ts';
import { relationOf, type Table } from '../observe/source/catalogue.ts';
import { type Example, type Finding, finding, MAX_EXAMPLES } from '../report.ts';
import { countText } from '../units.ts';
import type { TableContent } from '../verification/comparison.ts';
import { periodically } from '../verification/periodic-check.ts';
import { exampleOf } from '../verification/row-findings.ts';
import { withUnread } from '../verification/unread-tables.ts';

const name = 'resurrected-rows';

/**
 * Rows that were deleted and came back. Either the sink's tombstone says that the key was deleted at a later position
 * than the row's, or the topic repeats an older change of the key after its delete, and the row is there. `extra-rows`
 * reports rows that the source lacks; only this check says that they had been deleted. A tombstone that is newer than its
 * row is history once the source has the same row, as after a repair.
 */
export default {
  name,
  describe: 'No deleted row is back because an older change was applied again.',
  needsFence: true,
  run: periodically(name, async ({ config, databases, evidence }): Promise<CheckResult> => {
    const { copies, source } = await evidence.catalogues();
    const tombstones = await ownTable(
      await databases.sink(),
      config.sink.schema,
      TOMBSTONES_TABLE,
      TOMBSTONES,
    );
    const { tables } = await evidence.content();
    const blind = tables.filter(({ comparison }) => comparison === null);
    if (blind.length === 0 && tombstones === null && config.kafka === null)
      return notApplicable('no Kafka, and the sink keeps no tombstones of deleted rows');
    const findings: Finding[] = [];
    let looked = 0;
    let healed = 0;
    const { answers, unread } = await eachTable(copies, async (copy, id) => {
      const key = source.get(id)?.key ?? [];
      const sql = tombstones === null ? null : markedSql(tombstones, copy, key);
      if (sql === null) return null;
      return await markedRows(await databases.sink(), sql, bookedName(copy.schema, copy.name), key);
    });
    for (const id of copies.keys()) {
      const marked = answers.get(id) ?? null;
      const content = tables.find(({ table }) => table.id === id);
      const own = marked !== null && marked.count > 0 ? marked : fromTopic(content);
      if (marked !== null) looked++;
      if (content?.comparison?.equal === true) {
        healed += own.count;
        continue;
      }
      if (own.count > 0) findings.push(report(id, own));
    }
    const detail = [
      ...(findings.length > 0
        ? findings.map((one) => one.detail)
        : [`no deleted row is back in ${copies.size} tables`]),
      ...(tombstones === null
        ? ['the sink keeps no tombstones of deleted rows']
        : [`${countText(looked)} checked by the sink's tombstones`]),
      ...(healed === 0
        ? []
        : [`healed: ${countText(healed)} rows with a newer tombstone, which the source has as well`]),
      ...(blind.length === 0 ? [] : [`not compared: ${blind.map(({ table }) => table.id).join(', ')}`]),
    ].join('; ');
    const verdict = findings.length > 0 ? 'FAIL' : blind.length > 0 ? 'INCONCLUSIVE' : 'PASS';
    return withUnread(name, { verdict, detail, findings }, unread);
  }),
} satisfies Check;

interface Back {
  readonly count: number;
  readonly examples: readonly Example[];
}

const TOMBSTONES = { table_name: 'text', key: 'text', position: 'text' } as const;

/** Null if the copy keeps no positions, or lacks a column of the key by which rows are deleted. */
function markedSql(tombstones: string, copy: Table, key: Table['key']): string | null {
  const has = (column: string): boolean => copy.columns.some((own) => own.name === column);
  const names = key.map((column) => column.name);
  if (names.length === 0 || !names.every(has) || !keepsMetadata(copy, 'position')) return null;
  const [only, ...more] = names.map((column) => `t.${ident(column)}::text`);
  // The sink writes a key of one column as its value, and one of several columns as a JSON array.
  const text = more.length === 0 ? only : `json_build_array(${[only, ...more].join(', ')})::text`;
  const same = more.length === 0 ? `d.key = ${text} COLLATE "C"` : `d.key::jsonb = (${text})::jsonb`;
  const shown = names.map((column, i) => `t.${ident(column)}::text AS "k${i}"`).join(', ');
  return `SELECT count(*) OVER ()::text AS total, d.position AS deleted, ${shown}
          FROM ${tombstones} d JOIN ${relationOf(copy)} AS t ON ${same}
          WHERE d.table_name = $1
            AND coalesce(t.${ident(METADATA_COLUMNS.position)}, '') COLLATE "C" <= d.position LIMIT ${MAX_EXAMPLES}`;
}

async function markedRows(sink: Database, sql: string, table: string, key: Table['key']): Promise<Back> {
  const rows = await sink.query(sql, [table]);
  const examples = rows.map((row): Example => {
    const values = Object.fromEntries(key.map((column, i) => [column.name, row[`k${i}`] ?? null]));
    return { key: values, columns: [], detail: `the sink deleted it at position ${row.deleted}` };
  });
  return { count: Number(rows[0]?.total ?? 0), examples };
}

/** Extra rows whose newest record deletes them, if the topic has an older change of the key behind that delete. */
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
  const examples = rows.slice(0, MAX_EXAMPLES).map((row) => ({
    ...exampleOf(comparison, row),
    detail: 'the topic repeats an older change of it after its delete',
  }));
  return { count: rows.length, examples };
}

function report(table: string, { count, examples }: Back): Finding {
  const first = examples[0] ?? null;
  const detail = `${countText(count)} rows of ${table} are back after their delete: ${first?.detail ?? ''}`;
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
