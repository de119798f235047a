import type { ColumnPair } from '../compare/column-pair.ts';
import { keyOf, type TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import { type Finding, finding, MAX_EXAMPLES } from '../report.ts';
import type { TableContent } from './comparison.ts';

/**
 * One finding per column whose values were compared with what a setting of the capture makes of them, because the copy
 * does not have them as they are. It counts the source's values that the setting changes.
 */
export async function configuredChanges(
  check: string,
  tables: readonly TableContent[],
  source: () => Promise<Database>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { comparison } of tables) {
    for (const column of comparison?.pair.columns ?? []) {
      if (comparison === null || column.configured?.conversion.change == null) continue;
      const found = await changesIn(check, comparison.pair, column, await source());
      if (found !== null) findings.push(found);
    }
  }
  return findings;
}

async function changesIn(
  check: string,
  pair: TablePair,
  { source: column, sourceText, configured }: ColumnPair,
  source: Database,
): Promise<Finding | null> {
  if (configured === undefined) return null;
  const { setting, change } = configured.conversion;
  const { from, keyText } = pair.sides.source;
  const where = `(${sourceText}) IS DISTINCT FROM (${configured.unchangedText})`;
  const { count } = await source.one(`SELECT count(*)::text AS count FROM ${from} WHERE ${where}`);
  if (count === '0') return null;
  const rows = await source.query(
    `SELECT ${keyText} AS key FROM ${from} WHERE ${where} LIMIT ${MAX_EXAMPLES}`,
  );
  const examples = rows.map(({ key }) => ({ key: keyOf(pair, key ?? ''), columns: [column.name] }));
  return finding({
    check,
    class: 'as-configured',
    verdict: 'WARN',
    table: pair.source.id,
    count: Number(count),
    hop: 'capture',
    first: examples[0] ?? null,
    examples,
    detail: `as configured: column ${column.name} of ${pair.source.id}, ${setting}: ${change} (${count} values)`,
  });
}
