import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import { verdictSchema } from '../../verifier/report.ts';
import { defineStep } from '../plugins/step.ts';

export default defineStep({
  description: 'ask the verifier once; its verdict must be this one',
  params: z.strictObject({ verdict: verdictSchema }),
  example: { verdict: 'SYNC_IN_PROGRESS' },
  touches: ['instance'],
  byHand: 'left-out',

  async run({ access, keepReport, signal }, { verdict }) {
    const report = await access.verify({ deadlineMs: 1000, signal });
    keepReport(report);
    if (report.verdict === verdict) return;
    throw new LabError('CDC-5031', `the verifier said ${report.verdict}; ${verdict} was expected`, {
      remedy: 'see the report in the journal',
    });
  },
});
