import { z } from 'zod';
import { defineStep } from '../plugins/step.ts';
import { until } from '../wait.ts';

export default defineStep({
  description: 'wait until this many more transactions are committed, by the ledger',
  params: z.strictObject({ transactions: z.number().int().positive() }),
  example: { transactions: 20 },
  touches: ['instance'],
  waitsForWrites: true,

  async run({ access, note, signal, withinMs }, { transactions }) {
    const before = await access.committed();
    const enough = async () => {
      const more = (await access.committed()) - before;
      return more >= transactions ? more : undefined;
    };
    const what = `${transactions} more transactions to be committed`;
    note('committed', { transactions: await until(enough, { what, signal, withinMs }) });
  },
});
