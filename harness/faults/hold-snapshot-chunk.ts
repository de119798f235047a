import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { CRASH_POINTS } from '../../pipeline/contract/crash-points.ts';
import { requestSnapshot } from '../access/captured-tables.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

const POINT = CRASH_POINTS.midSnapshotChunk;

/**
 * An incremental snapshot of which one chunk is read but held back: when it is published at last, its rows are older than
 * those that live writes have published meanwhile.
 */
export default defineFault({
  description: 'snapshot a table again, and hold a chunk that is read but not yet published',
  params: z.strictObject({
    tables: z.array(z.string().regex(/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/)).min(1),
  }),
  example: { tables: ['public.customers'] },
  needs: [],
  touches: ['instance'],

  async observe({ access }) {
    return { waiting: await isWaiting(access) };
  },

  async inject({ access, signal, withinMs }, { tables }) {
    await access.armCrashPoint('capture', POINT, 0);
    const id = randomUUID();
    await requestSnapshot(access, id, 'incremental', tables);
    await until(() => isWaiting(access), {
      what: `capture to reach ${POINT}`,
      withinMs,
      everyMs: 25,
      signal,
    });
    return { signal: id, tables };
  },

  async prove({ access }, { tables }, before) {
    const { waiting } = await access.crashPoints('capture');
    const held = waiting.find((point) => point.name === POINT);
    if (before.waiting === true || held === undefined) return undefined;
    return { point: POINT, waitingSince: held.since, tables };
  },

  async heal({ access }) {
    const held = await isWaiting(access);
    await access.releaseCrashPoint('capture', POINT);
    return { said: held ? 'released the chunk' : 'no chunk was held', evidence: { held } };
  },
});

async function isWaiting(access: {
  crashPoints(worker: 'capture'): Promise<{ waiting: readonly { name: string }[] }>;
}): Promise<boolean> {
  return (await access.crashPoints('capture')).waiting.some((point) => point.name === POINT);
}
