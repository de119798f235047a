import { z } from 'zod';
import { defineStep } from '../plugins/step.ts';

export default defineStep({
  description: 'stop the workload of that name; `main` is the variant’s own',
  params: z.strictObject({ as: z.string().min(1) }),
  example: { as: 'main' },
  touches: ['instance'],

  async run({ workloads }, { as }) {
    await workloads.stop(as);
  },
});
