import { z } from 'zod';
import { rebaseLedger } from '../access/rebase-ledger.ts';
import { defineFault, type FaultContext } from '../plugins/fault.ts';
import { until } from '../wait.ts';
import {
  historyOf,
  replaceSource,
  STANDBY,
  sourceService,
  startSource,
  untilReplayed,
} from './lib/source-server.ts';

/**
 * A failover: the primary is killed, and its standby takes over under the same address. What the standby had not received is
 * lost, though it was committed: the ledger is rebased. No workload may run meanwhile.
 */
export default defineFault({
  description: 'kill the source, and promote its standby in its place',
  params: z.strictObject({}),
  example: {},
  needs: ['kill', 'stop', 'start', 'swapData'],
  touches: ['pg-source'],

  async observe(context) {
    return { ...(await historyOf(context)) };
  },

  async inject(context) {
    const { lab, instance, access } = context;
    const service = sourceService(instance);
    const standby = await standbyOf(context, service);
    if (await streams(context)) await untilReplayed(context);
    await lab.runtime.kill?.(service);
    await lab.runtime.stop?.(standby);
    await replaceSource(context, STANDBY);
    await access.query('source', 'SELECT pg_promote()');
    const { signal, withinMs } = context;
    const promoted = async () => (await historyOf(context)).recovers === false;
    await until(promoted, { what: 'the standby to be promoted', withinMs, everyMs: 50, signal });
    return { ledger: await rebaseLedger(access, instance) };
  },

  async prove(context, _, before, { ledger }) {
    const now = await historyOf(context);
    const isAhead = Number(now.timeline) > Number(before.timeline);
    if (now.system !== before.system || !isAhead || ledger === undefined) return undefined;
    const [slot] = await context.access.query(
      'source',
      'SELECT slot_name AS name, confirmed_flush_lsn::text AS confirmed FROM pg_replication_slots WHERE slot_name = $1',
      [context.instance.slot],
    );
    return { before, now, slot: slot ?? null, ledger };
  },

  async heal(context) {
    return { said: await startSource(context), evidence: {} };
  },
});

async function standbyOf({ lab }: FaultContext, source: string): Promise<string> {
  const wanted = source.replace('@', `.${STANDBY}@`);
  const found = (await lab.runtime.services()).find(
    ({ name, state }) => name === wanted && state === 'running',
  );
  if (found === undefined) throw new Error(`${source} has no standby: start-standby comes first`);
  return found.name;
}

async function streams({ access }: FaultContext): Promise<boolean> {
  const rows = await access.query('source', 'SELECT 1 FROM pg_stat_replication WHERE application_name = $1', [
    STANDBY,
  ]);
  return rows.length > 0;
}
