import { z } from 'zod';
import { beginAgain } from '../access/begin-again.ts';
import { defineStep } from '../plugins/step.ts';

/** Shows failures of a first start on a pipeline that has worked. */
export default defineStep({
  description: 'delete connectors, offsets, slot and sink tables, and post the same connectors again',
  params: z.strictObject({
    /** Waits until both connectors run. False where the first start is to fail. */
    untilRunning: z.boolean().optional(),
  }),
  example: {},
  touches: ['set-up'],
  byHand: 'left-out',

  async run(context, { untilRunning = false }) {
    const gone = await beginAgain(context, { untilRunning });
    context.record('begun-again', { ...gone });
    context.note(
      'connectors, offsets, slot and sink tables were gone, and both connectors are posted again',
      {
        ...gone,
        untilRunning,
      },
    );
  },
});
