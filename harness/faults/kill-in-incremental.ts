import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { countRows, requestSnapshot } from '../access/captured-tables.ts';
import { isRunning, startIfDown } from '../access/instance-services.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';
import { heldChunk, POINT } from './lib/held-chunk.ts';

/** A crash in the middle of a snapshot that somebody ordered while the stream goes on. */
export default defineFault({
  description: 'order an incremental snapshot of a table, and SIGKILL the capture when a part of it is read',
  params: z.strictObject({
    table: z.string().regex(/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/),
    /** Share of the table's rows that are published when it is killed. */
    percent: z.number().int().min(1).max(99),
    /** Rows of a chunk, as the capture is configured. */
    chunkRows: z.number().int().positive(),
  }),
  example: { table: 'public.orders', percent: 30, chunkRows: 50 },
  needs: ['kill', 'start'],
  touches: ['instance'],

  async observe({ lab, instance, access }, { table }) {
    const service = instance.services.capture;
    const info = (await lab.runtime.services()).find(({ name }) => name === service);
    return { service, pid: info?.pid ?? null, rows: (await countRows(access, 'source', [table]))[table] };
  },

  async inject({ lab, instance, access, signal, withinMs }, { table, percent, chunkRows }) {
    const rows = (await countRows(access, 'source', [table]))[table] ?? 0;
    const chunks = Math.max(1, Math.floor((rows * percent) / 100 / chunkRows));
    const id = randomUUID();
    await access.armCrashPoint('capture', POINT, chunks);
    await requestSnapshot(access, id, 'incremental', [table]);
    const what = `the capture to have read ${percent} % of ${table}`;
    const held = await until(() => heldChunk(access), { what, withinMs, everyMs: 25, signal });
    const proof = await lab.runtime.kill?.(instance.services.capture);
    return {
      signal: id,
      rows,
      rowsRead: chunks * chunkRows,
      since: held.since,
      killed: proof?.evidence ?? {},
    };
  },

  async prove({ lab, instance }, _, before, done) {
    const { service } = before;
    if (done.signal === undefined || (await isRunning(lab.runtime, instance.services.capture)))
      return undefined;
    return { service, pidBefore: before.pid, gone: true, rows: done.rows, rowsRead: done.rowsRead };
  },

  async heal({ lab, instance, access, signal }) {
    const service = instance.services.capture;
    const started = await startIfDown(lab.runtime, service, signal);
    if (started === null) await access.releaseCrashPoint('capture', POINT);
    const said = started === null ? `${service} ran` : `started ${service} again`;
    return { said, evidence: started?.evidence ?? {} };
  },
});
