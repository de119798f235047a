import { z } from 'zod';
import type { Access } from '../access/access.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/** Of one WAL file: each switch to the next one takes this much of the bound. */
const SEGMENT_MB = 16;

/**
 * `max_slot_wal_keep_size` in small: the server is told to keep little, and goes on writing. At the next checkpoint it
 * removes WAL that the slot still needs, and ends the session that reads the slot (57P01).
 */
export default defineFault({
  description: 'let the WAL pass max_slot_wal_keep_size, so that the server gives up the slot',
  params: z.strictObject({
    /** The bound. */
    megabytes: z.number().int().min(SEGMENT_MB).max(256),
  }),
  example: { megabytes: 32 },
  needs: [],
  touches: ['pg-source'],

  async observe({ access, instance }) {
    return { ...(await slotIn(access, instance.slot)) };
  },

  async inject({ access, instance, signal, withinMs }, { megabytes }) {
    const from = await currentLsn(access);
    await access.query('source', `ALTER SYSTEM SET max_slot_wal_keep_size = '${megabytes}MB'`);
    await access.query('source', 'SELECT pg_reload_conf()');
    const isLost = async () => {
      await access.query(
        'source',
        `SELECT pg_logical_emit_message(false, 'cdc-lab.wal', repeat('x', 100000))`,
      );
      await access.query('source', 'SELECT pg_switch_wal()');
      await access.query('source', 'CHECKPOINT');
      return (await slotIn(access, instance.slot))?.walStatus === 'lost';
    };
    await until(isLost, { what: 'the server to remove WAL of the slot', withinMs, everyMs: 20, signal });
    return { from, to: await currentLsn(access), boundMegabytes: megabytes };
  },

  async prove({ access, instance }, _, before, { from, to }) {
    const now = await slotIn(access, instance.slot);
    if (before.walStatus === 'lost' || now?.walStatus !== 'lost') return undefined;
    return { ...now, walStatusBefore: before.walStatus, walFrom: from, walTo: to };
  },

  async heal({ access }) {
    await access.query('source', 'ALTER SYSTEM RESET max_slot_wal_keep_size');
    await access.query('source', 'SELECT pg_reload_conf()');
    return { said: 'the server keeps all WAL again; what it has removed does not come back', evidence: {} };
  },
});

async function slotIn(access: Pick<Access, 'query'>, name: string) {
  const [row] = await access.query(
    'source',
    `SELECT wal_status, to_jsonb(s) ->> 'invalidation_reason' AS reason, active
       FROM pg_replication_slots s WHERE slot_name = $1`,
    [name],
  );
  if (row === undefined) return undefined;
  return { walStatus: row.wal_status, invalidationReason: row.reason, active: row.active };
}

async function currentLsn(access: Pick<Access, 'query'>): Promise<string> {
  const [row] = await access.query('source', 'SELECT pg_current_wal_lsn()::text AS lsn');
  return String(row?.lsn);
}
