import type { WrongClass } from '../compare/settle.ts';
import type { TableComparison } from '../compare/table-comparison.ts';
import { keyOf } from '../compare/table-pair.ts';
import { type Example, type Finding, type Hop, MAX_EXAMPLES } from '../report.ts';
import type { AttributedRow } from './attribute-rows.ts';
import type { TableContent } from './comparison.ts';

/** One finding per hop for the rows of one class in one table. Together they count all of these rows. */
export function findingsOf(check: string, content: TableContent, name: WrongClass): Finding[] {
  const { comparison, attributed, table } = content;
  if (comparison === null) return [];
  const total = countOf(content, name);
  if (total === 0) return [];
  const rows = attributed.filter((row) => row.class === name && !row.accounted);
  const byHop = Map.groupBy(rows, (row) => row.hop);
  const counts = [...byHop].map(([hop, own]) => ({ hop, own, count: sumOf(own) }));
  counts.sort((a, b) => b.count - a.count);
  const first = counts[0] ?? { hop: 'unknown' as Hop, own: [], count: 0 };
  const listed = counts.reduce((n, entry) => n + entry.count, 0);
  // Rows beyond those looked up in the topic are counted at the hop that most of the others have.
  const groups = [{ ...first, count: first.count + total - listed }, ...counts.slice(1)];
  return groups.map(({ hop, own, count }) => {
    const examples = own.slice(0, MAX_EXAMPLES).map((row) => exampleOf(comparison, row));
    const columns = [...new Set(own.flatMap((row) => row.columns))];
    const which = columns.length > 0 && name !== 'duplicate' ? ` in ${columns.join(', ')}` : '';
    return {
      check,
      class: name,
      table: table.id,
      count,
      hop,
      verdict: 'FAIL',
      first: examples[0] ?? null,
      examples,
      detail: `${count} ${name} in ${table.id}${which}, ${isLoss(name) ? 'lost' : 'caused'} at: ${hop}`,
    };
  });
}

/** Duplicates and extra rows are not lost: a hop wrote them, or did not remove them. */
function isLoss(name: WrongClass): boolean {
  return name !== 'duplicate' && name !== 'extra';
}

/** All wrong rows of a class, as the topic classifies them, without those that dead letters account for. */
export function countOf({ comparison, attributed }: TableContent, name: WrongClass): number {
  if (comparison === null) return 0;
  const settled = comparison.wrong.slice(0, attributed.length);
  const before = sumOf(settled.filter((row) => row.class === name));
  const own = attributed.filter((row) => row.class === name && !row.accounted);
  return comparison.counts[name] - before + sumOf(own);
}

/** Wrong rows that a dead letter accounts for. */
export function accountedRows({ attributed }: TableContent): readonly AttributedRow[] {
  return attributed.filter((row) => row.accounted);
}

/** Number of rows, if one entry may be several rows of one key. */
export function sumOf(rows: readonly { readonly count: number }[]): number {
  return rows.reduce((sum, { count }) => sum + count, 0);
}

export function exampleOf(comparison: TableComparison, row: AttributedRow): Example {
  return { key: keyOf(comparison.pair, row.keyText), columns: [...row.columns], detail: row.detail };
}
