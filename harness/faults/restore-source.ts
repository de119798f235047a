import { z } from 'zod';
import { rebaseLedger } from '../access/rebase-ledger.ts';
import { defineFault } from '../plugins/fault.ts';
import { EARLIER, historyOf, replaceSource, sourceService, startSource } from './lib/source-server.ts';

/**
 * A restore that nobody has told the pipeline of. What the source had committed since the copy is lost, and the ledger is
 * rebased. No workload may run meanwhile.
 */
export default defineFault({
  description: 'put the files of an earlier copy in the place of the source’s',
  params: z.strictObject({}),
  example: {},
  needs: ['stop', 'start', 'swapData'],
  touches: ['pg-source'],

  async observe(context) {
    return { ...(await historyOf(context)) };
  },

  async inject(context) {
    const { lab, instance, access } = context;
    await lab.runtime.stop?.(sourceService(instance));
    await replaceSource(context, EARLIER);
    return { ledger: await rebaseLedger(access, instance) };
  },

  /** The WAL of a running source only grows. */
  async prove(context, _, before, { ledger }) {
    const now = await historyOf(context);
    if (ledger === undefined || now.system !== before.system) return undefined;
    const [row] = await context.access.query('source', 'SELECT $1::pg_lsn > $2::pg_lsn AS is_behind', [
      before.walEnd,
      now.walEnd,
    ]);
    return row?.is_behind === true ? { before, now, ledger } : undefined;
  },

  async heal(context) {
    return { said: await startSource(context), evidence: {} };
  },
});
