import type { Check, CheckResult } from '../check.ts';
import { worst } from '../verdict.ts';
import { configuredChanges } from '../verification/configured-changes.ts';
import { contentCheck } from '../verification/content-check.ts';

const own = contentCheck(
  'corrupted-rows',
  'corrupted',
  'Every row of the sink has the same values as the same version at the source.',
);

/** A value that a setting of the capture changes, and that arrived as the setting says, is a WARN and not a wrong row. */
export default {
  ...own,
  async run(context): Promise<CheckResult> {
    const judged = await own.run(context);
    const { tables } = await context.evidence.content();
    const changes = await configuredChanges(own.name, tables, context.databases.source);
    if (changes.length === 0) return judged;
    return {
      verdict: worst([judged.verdict, 'WARN']),
      detail: [judged.detail, ...changes.map(({ detail }) => detail)].join('; '),
      findings: [...judged.findings, ...changes],
    };
  },
} satisfies Check;
