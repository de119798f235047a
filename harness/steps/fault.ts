/**
 * `harness/steps`: what a scenario can do besides waiting to be judged: one file for each type of step.
 * In: a pipeline to act on, the parameters that the scenario gives.
 * Out: lines of the journal, and what was seen, for the proof of the result.
 * Promises: a step waits on a condition, never on time; what is the failure itself is a fault, with its own proof.
 */

import { z } from 'zod';
import { assertShape, loadFault } from '../plugins/catalogue.ts';
import { defineStep } from '../plugins/step.ts';

export default defineStep({
  description: 'inject a fault, with its proof; it is healed in phase `heal` at the latest',
  params: z.strictObject({ fault: z.string(), with: z.record(z.string(), z.unknown()) }),
  example: { fault: 'resnapshot', with: { type: 'blocking' } },
  touches: ['instance'],

  async check({ fault, with: given }, where) {
    assertShape((await loadFault(fault)).params, given, `${where}, parameters of fault ${fault}`);
  },

  async run({ inject, record }, { fault, with: given }) {
    record(fault, await inject(fault, given));
  },
});
