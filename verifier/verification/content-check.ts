import type { Check, CheckContext, CheckResult } from '../check.ts';
import type { WrongClass } from '../compare/settle.ts';
import { worst } from '../verdict.ts';
import { findingsOf, sumOf } from './row-findings.ts';

/** Makes a check that reports one class of wrong rows from the comparison. */
export function contentCheck(name: string, wrongClass: WrongClass, describe: string): Check {
  return {
    name,
    describe,
    needsFence: true,
    async run({ evidence }: CheckContext): Promise<CheckResult> {
      const { tables } = await evidence.content();
      const findings = tables.flatMap((table) => findingsOf(name, table, wrongClass));
      const blind = tables.filter(({ comparison }) => comparison === null);
      const count = sumOf(findings);
      const unread = blind.length === 0 ? '' : `; not compared: ${blind.map((t) => t.table.id).join(', ')}`;
      return {
        verdict: worst([
          count > 0 ? 'FAIL' : tables.length > 0 ? 'PASS' : 'INCONCLUSIVE',
          blind.length > 0 ? 'INCONCLUSIVE' : 'PASS',
        ]),
        detail: `${count} ${wrongClass} in ${tables.length - blind.length} tables${unread}`,
        findings,
      };
    },
  };
}
