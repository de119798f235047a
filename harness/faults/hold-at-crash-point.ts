import { z } from 'zod';
import { CRASH_POINTS } from '../../pipeline/contract/crash-points.ts';
import type { Access, WorkerRole } from '../access/access.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/** A worker that waits for something else than the source: its process lives and its connections are open. */
export default defineFault({
  description: 'hold a worker at a crash point, and let it go on at the heal',
  params: z.strictObject({ worker: z.enum(['capture', 'sink']), point: z.enum(CRASH_POINTS) }),
  example: { worker: 'capture', point: CRASH_POINTS.afterOffsetBeforeFlush },
  needs: [],
  touches: ['instance'],

  async observe({ access }, { worker, point }) {
    return { waiting: (await heldAt(access, worker, point)) !== undefined };
  },

  async inject({ access, signal, withinMs }, { worker, point }) {
    await access.armCrashPoint(worker, point, 0);
    const held = await until(() => heldAt(access, worker, point), {
      what: `the ${worker} to reach ${point}`,
      withinMs,
      everyMs: 25,
      signal,
    });
    return { point, waitingSince: held.since };
  },

  async prove({ access }, { worker, point }, before) {
    const held = await heldAt(access, worker, point);
    if (before.waiting === true || held === undefined) return undefined;
    return { worker, point, waitingSince: held.since };
  },

  async heal({ access }, { worker, point }) {
    const held = (await heldAt(access, worker, point)) !== undefined;
    await access.releaseCrashPoint(worker, point);
    return { said: held ? `released the ${worker}` : `the ${worker} was not held`, evidence: { held } };
  },
});

async function heldAt(access: Pick<Access, 'crashPoints'>, worker: WorkerRole, point: string) {
  return (await access.crashPoints(worker)).waiting.find(({ name }) => name === point);
}
