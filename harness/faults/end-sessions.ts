import { z } from 'zod';
import type { FaultContext } from '../plugins/fault.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/**
 * What the capture sees of a restart of its source, and nobody else does: the server ends all of its sessions (57P01), so
 * that every snapshot and every temporary slot that it had there is gone.
 */
export default defineFault({
  description: 'have the source end every session of the capture, as a restart of the server does',
  params: z.strictObject({}),
  example: {},
  needs: [],

  async observe(context) {
    return { pids: await sessions(context) };
  },

  async inject(context) {
    const pids = await sessions(context);
    await context.access.query(
      'source',
      'SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS t (pid)',
      [pids],
    );
    return { ended: pids };
  },

  async prove(context, _, before, done) {
    const { access, signal, withinMs } = context;
    const ended = (done.ended ?? []) as readonly number[];
    if (ended.length === 0 || (before.pids as readonly number[]).length === 0) return undefined;
    const gone = async () => {
      const now = await access.query('source', 'SELECT pid FROM pg_stat_activity WHERE pid = ANY($1)', [
        ended,
      ]);
      return now.length === 0;
    };
    await until(gone, { what: 'the sessions to be gone', withinMs, everyMs: 25, signal });
    return { ended: ended.map((pid) => `pid ${pid}`) };
  },

  async heal() {
    return { said: 'nothing to undo: the capture connects again', evidence: {} };
  },
});

/** Pids of the sessions that the capture's connector has opened. */
async function sessions({ access, instance }: FaultContext): Promise<number[]> {
  const rows = await access.query(
    'source',
    `SELECT pid FROM pg_stat_activity
      WHERE datname = current_database() AND starts_with(application_name, left('cdc-lab ' || $1 || ' ', 63))`,
    [instance.connectors.source],
  );
  return rows.map(({ pid }) => Number(pid));
}
