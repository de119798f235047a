import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import { type Report, verdictSchema } from '../../verifier/report.ts';
import { defineStep } from '../plugins/step.ts';
import { until } from '../wait.ts';

/** How long the verifier waits for the pipeline: asked once, and each time. */
const ONCE_MS = 1_000;
const EACH_MS = 3_000;

export default defineStep({
  description: 'ask the verifier once, or until it says something; its verdict must be this one',
  params: z.strictObject({
    verdict: verdictSchema,
    /** A regular expression that one of the sentences about what it waits for, or about a check, must match. */
    says: z.string().min(1).refine(isRegExp, 'is not a regular expression').optional(),
  }),
  example: { verdict: 'SYNC_IN_PROGRESS', says: 'transaction "[^"]+" of producer' },
  touches: ['instance'],
  byHand: 'left-out',

  async run({ access, keepReport, signal, withinMs, record }, { verdict, says }) {
    if (says === undefined) {
      const report = await access.verify({ deadlineMs: ONCE_MS, signal });
      keepReport(report);
      if (report.verdict === verdict) return;
      throw new LabError('CDC-5031', `the verifier said ${report.verdict}; ${verdict} was expected`, {
        remedy: 'see the report in the journal',
      });
    }
    // What it waits for first, such as the slot, may be something else.
    const look = async () => {
      const report = await access.verify({ deadlineMs: EACH_MS, signal });
      keepReport(report);
      if (report.verdict !== verdict) return undefined;
      return sentencesOf(report).find((sentence) => new RegExp(says).test(sentence));
    };
    const said = await until(look, { what: `the verifier to say ${verdict}, and ${says}`, withinMs, signal });
    record('said', { verdict, said });
  },
});

/** What the report says that it waits for, and about each check. */
function sentencesOf({ progress, checks }: Report): string[] {
  return [...(progress?.waitingFor ?? []), ...checks.map(({ detail }) => detail)];
}

function isRegExp(pattern: string): boolean {
  try {
    return new RegExp(pattern) !== undefined;
  } catch {
    return false;
  }
}
