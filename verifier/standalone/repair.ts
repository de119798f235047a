import type { ColumnPair } from '../compare/column-pair.ts';
import type { WrongRow } from '../compare/settle.ts';
import type { TablePair } from '../compare/table-pair.ts';
import { ident, literal, PINNED_SETTINGS, pinning } from '../connection/postgres.ts';
import type { Content } from '../verification/comparison.ts';

/** Column names that differ, by the source's `schema.table`: from the source's name to the sink's. */
type ColumnMap = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Writes SQL that would repair the sink, as one transaction. Only a person runs it. Each statement applies only if the
 * sink's row is still the wrong one in every column that was compared, so it does not overwrite what the pipeline has
 * written since. The SQL contains the rows' values.
 * @returns null if nothing is wrong that a statement could repair.
 */
export function repairSql({ tables }: Content, columnMap: ColumnMap): string | null {
  const lines: string[] = [];
  for (const { table, comparison } of tables) {
    if (comparison === null || comparison.wrong.length === 0) continue;
    const names = columnMap[table.id] ?? {};
    const counted = Object.values(comparison.counts).reduce((sum, count) => sum + count, 0);
    lines.push(`-- ${oneLine(table.id)}: ${comparison.wrong.length} wrong rows listed, ${counted} counted`);
    for (const row of comparison.wrong) lines.push(statementFor(comparison.pair, row, names));
  }
  if (!lines.some((line) => !line.startsWith('--'))) return null;
  const { idle_in_transaction_session_timeout: _, ...settings } = PINNED_SETTINGS;
  const head = '-- Repairs the sink. Review it, then run it there while the pipeline is idle.';
  return `${[head, 'BEGIN;', pinning(settings, 'transaction'), ...lines, 'COMMIT;'].join('\n')}\n`;
}

function statementFor(pair: TablePair, row: WrongRow, names: Readonly<Record<string, string>>): string {
  const { sink, sides, key } = pair;
  const why = sink === undefined ? 'the sink has no such table' : 'its table has no primary key';
  if (sink === undefined || sides.sink === null || key.length === 0) return `-- not repaired: ${why}`;
  if (sink.heldAs !== undefined) return `-- not repaired: ${sink.id} is ${sink.heldAs}`;
  if (row.class === 'duplicate')
    return `-- not repaired: ${row.sink.rows} rows of key ${oneLine(row.keyText)}`;
  const real = (column: ColumnPair): string => ident(names[column.source.name] ?? column.source.name);
  const target = `${ident(sink.schema)}.${ident(sink.name)}`;
  const values = JSON.parse(row.keyText) as (string | null)[];
  const where = (name: (column: ColumnPair) => string): string =>
    key.map((column, i) => `${name(column)} = ${typed(column, values[i] ?? null)}`).join(' AND ');
  const held = pair.columns.map((column, i) => ({
    column,
    ours: row.source.image?.[i] ?? null,
    theirs: row.sink.image?.[i] ?? null,
  }));
  const writable = held.filter(({ column }) => column.sink !== undefined);
  if (row.class === 'missing') {
    const columns = writable.map(({ column }) => real(column)).join(', ');
    const row = writable.map(({ column, ours }) => typed(column, ours)).join(', ');
    return `INSERT INTO ${target} (${columns}) VALUES (${row}) ON CONFLICT DO NOTHING;`;
  }
  const wrong = row.class === 'extra' ? writable : writable.filter(({ ours, theirs }) => ours !== theirs);
  if (wrong.length === 0) return `-- not repaired: the sink lacks the column, key ${oneLine(row.keyText)}`;
  const same = writable.map(
    ({ column, theirs }) =>
      `${column.sinkText} IS NOT DISTINCT FROM ${theirs === null ? 'NULL' : literal(theirs)}`,
  );
  const seen = where((column) => ident(column.source.name));
  const guard = `EXISTS (SELECT FROM ${sides.sink.from} WHERE ${[seen, ...same].join(' AND ')})`;
  if (row.class === 'extra') return `DELETE FROM ${target} WHERE ${where(real)} AND ${guard};`;
  const set = wrong.map(({ column, ours }) => `${real(column)} = ${typed(column, ours)}`).join(', ');
  return `UPDATE ${target} SET ${set} WHERE ${where(real)} AND ${guard};`;
}

function typed({ source, sink }: ColumnPair, text: string | null): string {
  const { type, cast } = sink ?? source;
  const beyondAscii = type === 'char' ? /^\\([0-7]{3})$/.exec(text ?? '') : null;
  // Before 15, "char" reads `\303` as a backslash. A cast from a signed integer yields that byte in every version.
  if (beyondAscii !== null) return `(${Number.parseInt(beyondAscii[1] ?? '', 8) - 256})::${cast}`;
  return `${text === null ? 'NULL' : literal(text)}::${cast}`;
}

/** For use in a comment, which ends with its line. */
/** A line break would end the comment. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ');
}
