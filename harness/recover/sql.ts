import { z } from 'zod';
import { defineRecovery } from '../plugins/recovery.ts';

/** For what only SQL mends, and the error of a connector often names: an identity, a right, an index. */
export default defineRecovery({
  description: 'run one SQL statement on the source or the sink',
  params: z.strictObject({ side: z.enum(['source', 'sink']), statement: z.string().min(1) }),
  example: { side: 'source', statement: 'ALTER TABLE orders REPLICA IDENTITY DEFAULT' },
  safeWhen: 'the statement is; nothing looks at it before it runs',
  loses: 'what the statement overwrites or deletes',
  undo: 'another statement, if there is one',
  isOneStep: true,

  typed: ({ side, statement }) => ['sql', side, statement],

  async plan(_, { side, statement }) {
    return {
      does: [`runs this on the ${side}: ${statement}`],
      commands: [`${statement};`],
      loses: null,
      undo: null,
    };
  },

  async run({ access }, { side, statement }) {
    await access.query(side, statement);
    const [verb = ''] = statement.split(/\s/, 1);
    return { said: `ran ${verb} on the ${side}`, evidence: { side, statement } };
  },
});
