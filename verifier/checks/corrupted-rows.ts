import type { Check, CheckResult } from '../check.ts';
import { worst } from '../verdict.ts';
import { configuredChanges } from '../verification/configured-changes.ts';
import { contentCheck } from '../verification/content-check.ts';

const own = contentCheck(
  'corrupted-rows',
  'corrupted',
  'Every row of the sink has the same values as the same version at the source.',
);

/** Share of the check's time after which values are not counted any more. */
const COUNTED_WITHIN = 0.9;

/** A value that a setting of the capture changes, and that arrived as the setting says, is a WARN and not a wrong row. */
export default {
  ...own,
  async run(context): Promise<CheckResult> {
    const startedMs = performance.now();
    const judged = await own.run(context);
    const { tables } = await context.evidence.content();
    // A count that takes too long must not cost the check its result.
    const leftMs = context.config.compareTimeoutMs * COUNTED_WITHIN - (performance.now() - startedMs);
    const { source } = context.databases;
    const changes = await configuredChanges(own.name, tables, { source, leftMs });
    if (changes.length === 0) return judged;
    return {
      verdict: worst([judged.verdict, ...changes.map(({ verdict }) => verdict)]),
      detail: [judged.detail, ...changes.map(({ detail }) => detail)].join('; '),
      findings: [...judged.findings, ...changes],
    };
  },
} satisfies Check;
