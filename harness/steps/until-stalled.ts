import { z } from 'zod';
import { untilStalled } from '../contract/stall.ts';
import type { StallSeen } from '../plugins/ends.ts';
import { defineStep } from '../plugins/step.ts';

export default defineStep({
  description:
    'wait until a connector has caught up, has failed, or stands still with work left, which is stalled',
  params: z.strictObject({
    connector: z.enum(['capture', 'sink']),
    /** A position that does not change for this long, without an error, stands still. */
    forMs: z.number().int().positive(),
    /** Then the connector counts as getting on. Longer than `forMs`. */
    withinMs: z.number().int().positive(),
  }),
  example: { connector: 'sink', forMs: 5_000, withinMs: 15_000 },
  touches: ['instance'],
  byHand: 'after-heal-too',

  async run({ access, instance, keepStall, record, note, signal }, { connector, forMs, withinMs }) {
    const seen = await untilStalled(access, instance, { connector, forMs, withinMs, signal });
    keepStall(seen);
    record('progress', { ...seen });
    note(`the ${connector} ${ENDS[seen.end]}`, { ...seen });
  },
});

const ENDS: Readonly<Record<StallSeen['end'], string>> = {
  stalled: 'has stalled',
  unanswered: 'does not answer',
  'caught-up': 'has caught up',
  failed: 'has failed',
  moving: 'is still moving',
};
