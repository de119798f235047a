import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { requestSnapshot, SIGNAL_TABLE } from '../access/captured-tables.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/**
 * An incremental snapshot by Debezium while live writes go on. It reads chunk after chunk, each between two watermarks: rows
 * that Debezium writes to the signal table, which are the proof.
 *
 * @see https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-incremental-snapshots
 */
export default defineFault({
  description: 'snapshot tables again, incrementally, beside the live writes',
  params: z.strictObject({
    tables: z.array(z.string().regex(/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/)).min(1),
  }),
  example: { tables: ['public.customers'] },
  needs: [],
  touches: ['instance'],

  async observe({ access }) {
    return { chunks: await chunksRead(access) };
  },

  async inject({ access }, { tables }) {
    const id = randomUUID();
    await requestSnapshot(access, id, 'incremental', tables);
    return { signal: id, tables };
  },

  async prove({ access, signal, withinMs }, { tables }, before) {
    const enough = async () => {
      const chunks = (await chunksRead(access)) - Number(before.chunks);
      return chunks >= tables.length ? { chunksRead: chunks, tables } : undefined;
    };
    const what = `${tables.length} chunks to be read between watermarks`;
    return until(enough, { what, withinMs, signal }).catch((error) => {
      signal.throwIfAborted();
      if (error instanceof Error && error.name === 'DeadlineError') return undefined;
      throw error;
    });
  },

  async heal() {
    return { said: 'nothing to undo: a snapshot ends by itself', evidence: {} };
  },
});

async function chunksRead(
  access: Parameters<Parameters<typeof defineFault>[0]['heal']>[0]['access'],
): Promise<number> {
  const [row] = await access.query(
    'source',
    `SELECT count(*)::int8 AS n FROM public.${SIGNAL_TABLE} WHERE type = 'snapshot-window-close'`,
  );
  return Number(row?.n ?? 0);
}
