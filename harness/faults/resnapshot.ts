import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { capturedTables, countRows, requestSnapshot } from '../access/captured-tables.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/** Every row comes a second time, as after a lost offset or an operator's "just snapshot it again". */
export default defineFault({
  description: 'force a second snapshot of all captured tables',
  params: z.strictObject({
    type: z.enum(['blocking', 'incremental']),
  }),
  example: { type: 'blocking' },
  needs: [],
  touches: ['instance'],

  async observe({ access, instance }) {
    const tables = await capturedTables(access, instance);
    const ends = await access.endOffsets();
    return { tables, rows: await countRows(access, 'source', tables), records: total(ends) };
  },

  async inject({ access, instance }, { type }) {
    const id = randomUUID();
    await requestSnapshot(access, id, type, await capturedTables(access, instance));
    return { signal: id, type };
  },

  async prove({ access, signal, withinMs }, _, before) {
    const rows = Object.values(before.rows as Record<string, number>).reduce((sum, count) => sum + count, 0);
    const grown = async () => {
      const records = total(await access.endOffsets()) - Number(before.records);
      return records >= rows && rows > 0 ? { rowsAtSource: rows, recordsAdded: records } : undefined;
    };
    return until(grown, { what: `${rows} snapshot records in the topics`, withinMs, signal }).catch(
      (error) => {
        signal.throwIfAborted();
        if (error instanceof Error && error.name === 'DeadlineError') return undefined;
        throw error;
      },
    );
  },

  async heal() {
    return { said: 'nothing to undo: a snapshot ends by itself', evidence: {} };
  },
});

function total(offsets: ReadonlyMap<string, bigint>): number {
  return Number([...offsets.values()].reduce((sum, offset) => sum + offset, 0n));
}
