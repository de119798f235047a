import { z } from 'zod';
import type { Access } from '../access/access.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/**
 * The slot is dropped and made again under its name, as by somebody who "repairs" it. The new one begins now: what was
 * committed since the capture's stored position is in no slot. The capture must be down, or it holds the slot.
 */
export default defineFault({
  description: "drop the capture's slot and create it again, while the capture is down",
  params: z.strictObject({}),
  example: {},
  needs: [],
  touches: ['instance'],

  async observe({ access, instance }) {
    return { ...(await slotAt(access, instance.slot)) };
  },

  async inject({ access, instance, signal, withinMs }) {
    const { slot } = instance;
    const free = async () => {
      const seen = await slotAt(access, slot);
      return seen?.active === false ? seen : undefined;
    };
    const dropped = await until(free, { what: `slot ${slot} to be free`, withinMs, signal });
    await access.query('source', 'SELECT pg_drop_replication_slot($1)', [slot]);
    const [made] = await access.query(
      'source',
      `SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput')`,
      [slot],
    );
    return { slot, dropped: dropped.confirmed, created: made?.lsn };
  },

  /**
   * A slot that the capture holds moves by itself. So the slot must be free, and stand where the new one was created,
   * which is past the end of the one that was dropped.
   */
  async prove({ access, instance }, _, before, { dropped, created }) {
    if (typeof dropped !== 'string' || typeof created !== 'string') return undefined;
    const now = await slotAt(access, instance.slot);
    if (now === undefined || now.active || now.confirmed !== created) return undefined;
    const [row] = await access.query('source', 'SELECT $1::pg_lsn - $2::pg_lsn AS bytes', [created, dropped]);
    const skippedBytes = Number(row?.bytes ?? 0);
    if (skippedBytes <= 0 || now.xmin === before.xmin) return undefined;
    return { confirmedBefore: dropped, confirmedAfter: now.confirmed, skippedBytes };
  },

  async heal() {
    return { said: 'nothing to undo: no slot can be made in the past', evidence: {} };
  },
});

interface Slot {
  readonly active: boolean;
  readonly confirmed: string;
  /** `catalog_xmin`: a new slot has a newer one. */
  readonly xmin: string;
}

async function slotAt(access: Pick<Access, 'query'>, name: string): Promise<Slot | undefined> {
  const [row] = await access.query(
    'source',
    `SELECT active, confirmed_flush_lsn::text AS confirmed, catalog_xmin::text AS xmin
       FROM pg_replication_slots WHERE slot_name = $1`,
    [name],
  );
  if (row === undefined) return undefined;
  return { active: row.active === true, confirmed: String(row.confirmed), xmin: String(row.xmin) };
}
