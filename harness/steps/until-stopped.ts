import { z } from 'zod';
import { stopEvidence, untilStopped } from '../contract/stop.ts';
import { defineStep } from '../plugins/step.ts';

export default defineStep({
  description: 'wait until a connector has stopped with an error; one that does not is silent or stalled',
  params: z.strictObject({
    connector: z.enum(['capture', 'sink']),
    /** The bound of the contract, from the beginning of this step. */
    withinMs: z.number().int().positive(),
  }),
  example: { connector: 'capture', withinMs: 20_000 },
  touches: ['instance'],
  byHand: 'after-heal-too',

  async run({ access, keepStop, record, note, signal }, { connector, withinMs }) {
    const seen = await untilStopped(access, { connector, withinMs, signal });
    keepStop(seen);
    const evidence = stopEvidence(seen);
    record('required-stop', evidence);
    note(seen.stopped ? `the ${connector} has stopped` : `the ${connector} has not stopped`, evidence);
  },
});
