import { messageOf } from '../../pipeline/contract/errors.ts';
import type { ColumnPair } from '../compare/column-pair.ts';
import { keyOf, type TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import { type Finding, finding, MAX_EXAMPLES } from '../report.ts';
import type { TableContent } from './comparison.ts';

/**
 * One finding per column whose values were compared with what a setting of the capture makes of them, because the copy
 * does not have them as they are. It counts the source's values that the setting changes. A column whose values cannot be
 * counted is INCONCLUSIVE, and hides nothing that is known.
 * @param leftMs Time for all columns together.
 */
export async function configuredChanges(
  check: string,
  tables: readonly TableContent[],
  { source, leftMs }: { readonly source: () => Promise<Database>; readonly leftMs: number },
): Promise<readonly Finding[]> {
  const untilMs = performance.now() + leftMs;
  const findings: Finding[] = [];
  for (const { comparison } of tables) {
    for (const column of comparison?.pair.columns ?? []) {
      if (comparison === null || column.configured?.conversion.change == null) continue;
      const found = await changesIn(check, comparison.pair, column, { source, untilMs }).catch(
        (error: unknown) => uncounted(check, comparison.pair, column, error),
      );
      if (found !== null) findings.push(found);
    }
  }
  return findings;
}

async function changesIn(
  check: string,
  pair: TablePair,
  { source: column, sourceText, configured }: ColumnPair,
  { source: open, untilMs }: { readonly source: () => Promise<Database>; readonly untilMs: number },
): Promise<Finding | null> {
  if (configured === undefined) return null;
  const source = await open();
  const { setting, change } = configured.conversion;
  const { from, keyText } = pair.sides.source;
  const where = `(${sourceText}) IS DISTINCT FROM (${configured.unchangedText})`;
  const { count, rows } = await source.snapshot(async () => {
    const leftMs = Math.floor(untilMs - performance.now());
    if (leftMs <= 0) throw new Error('no time was left');
    await source.query(`SET LOCAL statement_timeout = ${leftMs}`);
    const counted = await source.one(`SELECT count(*)::text AS count FROM ${from} WHERE ${where}`);
    const first = `SELECT ${keyText} AS key FROM ${from} WHERE ${where} LIMIT ${MAX_EXAMPLES}`;
    return { count: Number(counted.count), rows: counted.count === '0' ? [] : await source.query(first) };
  });
  if (count === 0) return null;
  const examples = rows.map(({ key }) => ({ key: keyOf(pair, key ?? ''), columns: [column.name] }));
  return finding({
    check,
    class: 'as-configured',
    verdict: 'WARN',
    table: pair.source.id,
    count,
    hop: 'capture',
    first: examples[0] ?? null,
    examples,
    detail: `as configured: column ${column.name} of ${pair.source.id}, ${setting}: ${change} (${count} values)`,
  });
}

function uncounted(check: string, pair: TablePair, { source: column }: ColumnPair, error: unknown): Finding {
  const detail = `the values of column ${column.name} of ${pair.source.id} that a setting of the capture changes could not be counted: ${messageOf(error)}`;
  const about = { check, class: 'evidence-missing', verdict: 'INCONCLUSIVE', hop: 'source' } as const;
  return finding({ ...about, table: pair.source.id, detail });
}
