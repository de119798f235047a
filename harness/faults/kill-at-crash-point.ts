import { z } from 'zod';
import { CRASH_POINTS } from '../../pipeline/contract/crash-points.ts';
import { isRunning, startIfDown, workerServices } from '../access/instance-services.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/**
 * Kills a worker at the one place where a crash is interesting, instead of at a random moment: the point is armed, the
 * worker announces that it waits there, and only then is it killed.
 */
export default defineFault({
  description: 'SIGKILL a worker that waits at a crash point',
  params: z.strictObject({
    worker: z.enum(['capture', 'sink']),
    point: z.enum(CRASH_POINTS),
    /** Arrivals to let pass first. */
    skip: z.number().int().min(0).default(0),
  }),
  example: { worker: 'capture', point: CRASH_POINTS.afterProduceBeforeAck, skip: 0 },
  needs: ['kill', 'start'],
  touches: ['instance'],

  async observe({ lab, instance, access }, { worker }) {
    const service = instance.services[worker];
    const info = (await lab.runtime.services()).find((candidate) => candidate.name === service);
    return { service, pid: info?.pid ?? null, published: sum(await access.endOffsets()) };
  },

  async inject({ lab, instance, access, signal, withinMs }, { worker, point, skip }) {
    await access.armCrashPoint(worker, point, skip ?? 0);
    const waiting = await until(
      async () => (await access.crashPoints(worker)).waiting.find((candidate) => candidate.name === point),
      { what: `${instance.services[worker]} to reach ${point}`, withinMs, everyMs: 25, signal },
    );
    const service = waiting.service ?? instance.services[worker];
    const publishedThere = sum(await access.endOffsets());
    const proof = await lab.runtime.kill?.(service);
    return { point, waitingSince: waiting.since, publishedThere, killed: proof?.evidence ?? {} };
  },

  async prove({ lab, instance }, { worker, point }, before) {
    for (const service of workerServices(instance, worker)) {
      if (await isRunning(lab.runtime, service)) continue;
      return { service, point, pidBefore: before.pid, gone: true, publishedBefore: before.published };
    }
    return undefined;
  },

  async heal({ lab, instance, access, signal }, { worker, point }) {
    const services = workerServices(instance, worker);
    const proofs = [];
    for (const service of services) proofs.push(await startIfDown(lab.runtime, service, signal));
    const started = proofs.find((proof) => proof !== null);
    // A worker that was not killed may be waiting there, or reach the point later.
    if (started === undefined || services.length > 1) await access.releaseCrashPoint(worker, point);
    const said = started === undefined ? `${services.join(', ')} ran` : `started ${started.service} again`;
    return { said, evidence: started?.evidence ?? {} };
  },
});

function sum(offsets: ReadonlyMap<string, bigint>): string {
  return String([...offsets.values()].reduce((total, offset) => total + offset, 0n));
}
