import { describeFinding } from '../../runner/expectation.ts';
import type { NotRun, VariantResult } from '../../runner/result.ts';

export function verdictText(row: VariantResult | NotRun): string {
  if (!('verdict' in row)) return 'not run';
  if (row.verdict !== 'FAIL') return row.verdict;
  return `FAIL, ${row.expectedFinding ?? row.findings.map(describeFinding)[0] ?? 'no finding'}`;
}

/** The findings with their counts, or how many events were delivered twice. */
export function seen(row: VariantResult | NotRun): string {
  if (!('verdict' in row)) return '';
  const failing = row.findings.filter(({ verdict }) => verdict === 'FAIL').map(describeFinding);
  if (failing.length > 0) return failing.slice(0, 2).join('; ') + (failing.length > 2 ? '; …' : '');
  return (row.duplicates.delivered ?? 0) > 0 ? `${row.duplicates.delivered} delivered twice` : '';
}
