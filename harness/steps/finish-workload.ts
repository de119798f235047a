import { z } from 'zod';
import { defineStep } from '../plugins/step.ts';

export default defineStep({
  description: 'wait until a workload that ends by itself has ended',
  params: z.strictObject({ as: z.string().min(1) }),
  example: { as: 'tiered' },
  touches: ['instance'],

  async run({ workloads, signal, withinMs }, { as }) {
    await workloads.finish(as, { signal, withinMs });
  },
});
