import type { CheckResult } from '../check.ts';
import type { Walk } from '../observe/each-table.ts';
import { finding, type Hop } from '../report.ts';
import { worst } from '../verdict.ts';

/**
 * A check's result, with the tables that it could not read: each is INCONCLUSIVE with its reason, and the worst verdict
 * wins. A check that found nothing else to judge is then no longer *not applicable*.
 */
export function withUnread(
  check: string,
  result: CheckResult,
  unread: Walk<unknown>['unread'],
  hop: Hop = 'sink',
): CheckResult {
  if (unread.size === 0) return result;
  const about = { check, class: 'evidence-missing', verdict: 'INCONCLUSIVE', hop } as const;
  const findings = [...unread].map(([table, reason]) =>
    finding({ ...about, table, detail: `${table} could not be judged: ${reason}` }),
  );
  const names = [...unread].map(([table, reason]) => `${table}: ${reason}`).join('; ');
  return {
    ...result,
    status: 'judged',
    verdict: worst([result.verdict, 'INCONCLUSIVE']),
    detail: [result.detail, `not judged: ${names}`].filter(Boolean).join('; '),
    findings: [...result.findings, ...findings],
  };
}
