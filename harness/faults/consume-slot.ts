import { z } from 'zod';
import type { Access } from '../access/access.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/**
 * Another client reads what waits in the capture's slot, as a second connector with the same `slot.name` does, or a person
 * who calls `pg_logical_slot_get_changes` to look. The slot then forgets it. The capture must be down, or it holds the slot.
 */
export default defineFault({
  description: "read the changes that wait in the capture's slot, while the capture is down",
  params: z.strictObject({}),
  example: {},
  needs: [],
  touches: ['instance'],

  async observe({ access, instance }) {
    return { ...(await slotAt(access, instance.slot)) };
  },

  async inject({ access, instance, signal, withinMs }) {
    const { slot, publication } = instance;
    const free = async () => {
      const seen = await slotAt(access, slot);
      return seen?.active === false ? seen : undefined;
    };
    const before = await until(free, { what: `slot ${slot} to be free`, withinMs, signal });
    const [taken] = await access.query(
      'source',
      `SELECT count(*) FILTER (WHERE get_byte(data, 0) IN (ascii('I'), ascii('U'), ascii('D')))::int AS changes
         FROM pg_logical_slot_get_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)`,
      [slot, `"${publication}"`],
    );
    return { slot, confirmedBefore: before.confirmed, changesRead: Number(taken?.changes ?? 0) };
  },

  /** The slot is free, and past where it was: only a client moves it. */
  async prove({ access, instance }, _, __, { confirmedBefore, changesRead }) {
    if (typeof confirmedBefore !== 'string' || changesRead === 0) return undefined;
    const now = await slotAt(access, instance.slot);
    if (now === undefined || now.active) return undefined;
    const [row] = await access.query('source', 'SELECT ($1::pg_lsn - $2::pg_lsn)::int8 AS bytes', [
      now.confirmed,
      confirmedBefore,
    ]);
    const skippedBytes = Number(row?.bytes ?? 0);
    if (skippedBytes <= 0) return undefined;
    return { confirmedBefore, confirmedAfter: now.confirmed, skippedBytes, changesRead };
  },

  async heal() {
    return { said: 'nothing to undo: a slot does not go back', evidence: {} };
  },
});

async function slotAt(access: Pick<Access, 'query'>, name: string) {
  const [row] = await access.query(
    'source',
    'SELECT active, confirmed_flush_lsn::text AS confirmed FROM pg_replication_slots WHERE slot_name = $1',
    [name],
  );
  return row === undefined ? undefined : { active: row.active === true, confirmed: String(row.confirmed) };
}
