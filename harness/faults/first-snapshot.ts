import { z } from 'zod';
import type { Access } from '../access/access.ts';
import { beginAgain } from '../access/begin-again.ts';
import { capturedTables, countRows } from '../access/captured-tables.ts';
import { defineFault } from '../plugins/fault.ts';
import { DeadlineError, until } from '../wait.ts';
import { heldChunk, POINT, releaseChunk } from './lib/held-chunk.ts';

/** A first start on a pipeline that has worked: its first snapshot reads every row, while the application writes. */
export default defineFault({
  description: 'begin the pipeline again, so that its first snapshot reads all rows beside the writers',
  params: z.strictObject({
    /** Chunks to let pass; the next one is read and held back, until the heal. Left out: none is held. */
    holdAfterChunks: z.number().int().min(0).optional(),
    /** Deletes the records of the topics, which a sink without a key would have beside those of the snapshot. */
    emptyTopics: z.boolean().optional(),
  }),
  example: { holdAfterChunks: 2 },
  needs: [],
  touches: ['set-up'],

  async observe({ access, instance }) {
    const tables = await capturedTables(access, instance);
    const rows = Object.values(await countRows(access, 'source', tables)).reduce((sum, n) => sum + n, 0);
    return { rows, records: await records(access), held: (await heldChunk(access)) !== undefined };
  },

  async inject(context, { holdAfterChunks, emptyTopics = false }) {
    const { access, signal, withinMs } = context;
    if (holdAfterChunks !== undefined) await access.armCrashPoint('capture', POINT, holdAfterChunks);
    const gone = await beginAgain(context, { untilRunning: holdAfterChunks === undefined, emptyTopics });
    if (holdAfterChunks === undefined) return { gone };
    const held = await until(() => heldChunk(access), {
      what: `the capture to reach ${POINT}`,
      ...{ withinMs, everyMs: 25, signal },
    });
    return { gone, heldSince: held.since };
  },

  async prove({ access, signal, withinMs }, { holdAfterChunks }, before, done) {
    if (done.gone === undefined) return undefined;
    if (holdAfterChunks !== undefined) {
      const held = await heldChunk(access);
      return before.held === true || held === undefined ? undefined : { point: POINT, since: held.since };
    }
    const read = async () => {
      const added = (await records(access)) - Number(before.records);
      return added >= Number(before.rows) ? { rowsAtSource: before.rows, recordsAdded: added } : undefined;
    };
    const what = `${String(before.rows)} rows to be read`;
    return until(read, { what, withinMs, signal }).catch((error) => {
      signal.throwIfAborted();
      if (error instanceof DeadlineError) return undefined;
      throw error;
    });
  },

  heal: ({ access }, { holdAfterChunks }) =>
    holdAfterChunks === undefined
      ? Promise.resolve({ said: 'nothing to undo: a snapshot ends by itself', evidence: {} })
      : releaseChunk(access),
});

async function records(access: Pick<Access, 'endOffsets'>): Promise<number> {
  return Number([...(await access.endOffsets()).values()].reduce((sum, end) => sum + end, 0n));
}
