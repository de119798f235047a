import { z } from 'zod';
import { CRASH_POINTS, type CrashPoint } from '../../pipeline/contract/crash-points.ts';
import type { Access } from '../access/access.ts';
import { isRunning, startIfDown } from '../access/instance-services.ts';
import type { Instance } from '../lab/lab.ts';
import { defineFault } from '../plugins/fault.ts';
import { poll, until } from '../wait.ts';

const { afterRead, afterOffsetBeforeFlush } = CRASH_POINTS;
/** The server receives what the capture has confirmed within this, or it was not sent. */
const CONFIRMED_WITHIN_MS = 1_000;

/**
 * Kills the capture when it has stored a position that its slot has not confirmed. A capture that stores a position before
 * Kafka has its records is there when it has read a transaction; any other only between its store and its status update.
 */
export default defineFault({
  description: 'SIGKILL the capture when its stored position is ahead of its slot',
  params: z.strictObject({
    /** Transactions to let pass first. */
    skip: z.number().int().min(0).default(0),
  }),
  example: { skip: 20 },
  needs: ['kill', 'start'],
  touches: ['instance'],

  async observe({ lab, instance }) {
    const service = instance.services.capture;
    const info = (await lab.runtime.services()).find((candidate) => candidate.name === service);
    return { service, pid: info?.pid ?? null };
  },

  async inject({ lab, instance, access, signal, withinMs }, { skip }) {
    const reach = (point: CrashPoint) =>
      until(async () => (await access.crashPoints('capture')).waiting.some(({ name }) => name === point), {
        ...{ what: `the capture to reach ${point}`, withinMs, everyMs: 25, signal },
      });
    await access.armCrashPoint('capture', afterRead, skip ?? 0);
    await reach(afterRead);
    const isEven = async () => ((await placesOf(access, instance)).aheadBytes <= 0 ? true : undefined);
    const even = await poll(isEven, { withinMs: CONFIRMED_WITHIN_MS, everyMs: 50, signal });
    const point = even === undefined ? afterRead : afterOffsetBeforeFlush;
    if (point !== afterRead) {
      await access.armCrashPoint('capture', point, 0);
      await access.releaseCrashPoint('capture', afterRead);
      await reach(point);
    }
    const { stored } = await placesOf(access, instance);
    const proof = await lab.runtime.kill?.(instance.services.capture);
    return { point, stored, killed: proof?.evidence ?? {} };
  },

  async prove({ lab, instance, access }, _, before, { point, stored }) {
    const service = instance.services.capture;
    if (typeof stored !== 'string' || (await isRunning(lab.runtime, service))) return undefined;
    const { confirmed, aheadBytes } = await slotBehind(access, instance, stored);
    if (aheadBytes <= 0) return undefined;
    return { service, pidBefore: before.pid, gone: true, point, stored, confirmed, aheadBytes };
  },

  async heal({ lab, instance, access, signal }) {
    const service = instance.services.capture;
    const started = await startIfDown(lab.runtime, service, signal);
    if (started === null)
      for (const point of [afterRead, afterOffsetBeforeFlush])
        await access.releaseCrashPoint('capture', point);
    const said = started === null ? `${service} was running` : `started ${service} again`;
    return { said, evidence: started?.evidence ?? {} };
  },
});

/** What the capture has stored, and how far that is ahead of its slot. */
async function placesOf(access: Access, instance: Instance) {
  const [first] = await access.connectorOffsets('capture');
  const { flush_lsn: flush, lsn } = first?.offset ?? {};
  const stored = String(flush ?? lsn ?? '0/0');
  return { stored, ...(await slotBehind(access, instance, stored)) };
}

async function slotBehind(access: Pick<Access, 'query'>, { slot }: Pick<Instance, 'slot'>, stored: string) {
  const [row] = await access.query(
    'source',
    `SELECT confirmed_flush_lsn::text AS confirmed, ($2::pg_lsn - confirmed_flush_lsn)::int8 AS ahead
       FROM pg_replication_slots WHERE slot_name = $1`,
    [slot, stored],
  );
  return { confirmed: String(row?.confirmed ?? 'none'), aheadBytes: Number(row?.ahead ?? 0) };
}
