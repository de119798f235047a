import { z } from 'zod';
import { WORKLOAD_KINDS } from '../plugins/scenario.ts';
import { defineStep } from '../plugins/step.ts';

export default defineStep({
  description: 'start a workload beside the main one, and go on',
  params: z.strictObject({
    as: z.string().min(1),
    kind: z.enum(WORKLOAD_KINDS),
    /** Transactions per second; 0: as fast as they go. */
    rate: z.number().min(0),
    /** Ends after this many; null: runs until it is stopped. */
    transactions: z.number().int().positive().nullable(),
    /** Takes the number of `--rows`. */
    rows: z.literal('tunable').exactOptional(),
  }),
  example: { as: 'tiered', kind: 'tiered', rate: 100, transactions: 100 },
  touches: ['instance'],

  async run({ workloads, tunables, seed }, { as, kind, rate, transactions, rows }) {
    const own = rows === 'tunable' ? { rows: tunables.rows } : {};
    await workloads.start(as, { kind, rate, transactions, seed: seed + 1, ...own });
  },
});
