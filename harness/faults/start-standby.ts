import { z } from 'zod';
import { defineFault, type FaultContext } from '../plugins/fault.ts';
import { cutStandby, sourceService, startStandby, syncSlot } from './lib/source-server.ts';

const params = z.strictObject({
  /** The capture's slot is synchronised to it, once; the slot must have been created with FAILOVER. */
  syncsSlot: z.boolean().default(false),
  /** Its walreceiver is stopped afterwards, as by a network that is cut: it lags behind from then on. */
  isCut: z.boolean().default(false),
});

/** Nothing is broken yet: `promote-standby` follows. */
export default defineFault({
  description: 'give the source a standby by a base backup, with or without the capture’s slot',
  params,
  example: { syncsSlot: false, isCut: false },
  needs: ['copyData', 'startCopy'],
  touches: ['pg-source'],

  async observe(context) {
    return { standbys: await standbysOf(context) };
  },

  async inject(context, { syncsSlot, isCut }) {
    const { port } = await startStandby(context, syncsSlot);
    if (syncsSlot) await syncSlot(context, port);
    const [slot] = await context.access.query(
      'source',
      'SELECT confirmed_flush_lsn::text AS confirmed, failover FROM pg_replication_slots WHERE slot_name = $1',
      [context.instance.slot],
    );
    if (isCut) await cutStandby(context, port);
    return { port, slot };
  },

  async prove(context, { isCut }, before, { port, slot }) {
    const services = await context.lab.runtime.services();
    const standby = services.find((one) => one.port === port && one.state === 'running');
    const standbys = await standbysOf(context);
    if (before.standbys !== 0 || standby === undefined || standbys !== (isCut ? 0 : 1)) return undefined;
    return { standby: standby.name, of: sourceService(context.instance), streams: !isCut, slot };
  },

  async heal() {
    return { said: 'the standby goes with the pipeline', evidence: {} };
  },
});

/** Standbys that stream from the source. */
async function standbysOf({ access }: FaultContext): Promise<number> {
  const [row] = await access.query(
    'source',
    `SELECT count(*)::int AS standbys FROM pg_stat_replication WHERE application_name = 'standby'`,
  );
  return Number(row?.standbys ?? 0);
}
