import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { CRASH_POINTS } from '../../pipeline/contract/crash-points.ts';
import type { Access } from '../access/access.ts';
import { isRunning, startIfDown } from '../access/instance-services.ts';
import { engineOf } from '../lab/engines.ts';
import type { Instance } from '../lab/lab.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

const TABLE = 'public.customers';
const POINT = CRASH_POINTS.afterProduceBeforeAck;
/**
 * More than the workload has in flight, so that some of them are of the COPY; and not 1,000, which a COPY writes at once
 * and which end with a page.
 */
const FIRST_ROWS = 1_200;

/**
 * A COPY writes the rows of a page in one WAL record, so that many rows of its transaction have one LSN. The capture is
 * killed when the topic holds some of these rows, and not all.
 */
export default defineFault({
  description: 'SIGKILL the capture in the middle of one transaction that a COPY writes',
  params: z.strictObject({
    /** Rows of the transaction. */
    rows: z.number().int().positive(),
    /** Bytes of text in each row. */
    rowBytes: z.number().int().positive().default(10),
    /** Status updates of the capture that the source has received within the transaction, before the kill. */
    replies: z.number().int().min(0).default(0),
    /** Rows that reach the topic after these, before the kill. */
    after: z.number().int().positive().default(1),
  }),
  example: { rows: 20_000, rowBytes: 10, replies: 0, after: 1 },
  needs: ['kill', 'start'],

  async observe({ lab, instance, access }) {
    const service = instance.services.capture;
    const info = (await lab.runtime.services()).find((candidate) => candidate.name === service);
    return { service, pid: info?.pid ?? null, published: await published(access, instance) };
  },

  async inject({ lab, instance, access, signal, withinMs }, { rows, rowBytes = 10, replies = 0, after = 1 }) {
    const wait = { withinMs, everyMs: 10, signal };
    // Held before the COPY commits, so that it does not get to the end of it first.
    const isStepwise = engineOf('source', instance.engines).crashPoints;
    if (isStepwise) await access.armCrashPoint('capture', POINT, 0);
    const written = await copyRows(access, rows, rowBytes);
    const reach = async (more: number) => {
      const start = await published(access, instance);
      const isThere = async () => {
        if (isStepwise) await step(access, wait);
        return (await published(access, instance)) - start >= more ? true : undefined;
      };
      await until(isThere, { ...wait, what: `${more} more rows in the topic` });
    };
    await reach(FIRST_ROWS);
    const seen = await countReplies(access, instance, replies, wait);
    if (replies > 0) await reach(after);
    const proof = await lab.runtime.kill?.(instance.services.capture);
    return { ...written, repliesInTransaction: seen, killed: proof?.evidence ?? {} };
  },

  async prove({ lab, instance, access }, { rows }, before) {
    const service = instance.services.capture;
    if (await isRunning(lab.runtime, service)) return undefined;
    // A few of them are other transactions of the workload, so a count below the rows shows that some were missing.
    const inTopic = (await published(access, instance)) - Number(before.published);
    if (inTopic < FIRST_ROWS || inTopic >= rows) return undefined;
    return { service, pidBefore: before.pid, gone: true, rows, publishedBeforeTheKill: inTopic };
  },

  async heal({ lab, instance, access, signal }) {
    const service = instance.services.capture;
    const started = await startIfDown(lab.runtime, service, signal);
    const isStepwise = engineOf('source', instance.engines).crashPoints;
    if (started === null && isStepwise) await access.releaseCrashPoint('capture', POINT);
    const said = started === null ? `${service} was running` : `started ${service} again`;
    return { said, evidence: started?.evidence ?? {} };
  },
});

/** Lets the capture publish one more batch. */
async function step(access: Access, wait: { readonly withinMs: number; readonly signal: AbortSignal }) {
  const waits = async () => (await access.crashPoints('capture')).waiting.length > 0 || undefined;
  await access.armCrashPoint('capture', POINT, 0);
  await until(waits, { ...wait, everyMs: 5, what: `the capture to reach ${POINT}` });
}

async function published(access: Access, { topicPrefix }: Instance): Promise<number> {
  return Number((await access.endOffsets()).get(`${topicPrefix}.${TABLE}`) ?? 0n);
}

/** @returns the transaction's id, and the end of the WAL behind it. */
async function copyRows(access: Access, rows: number, rowBytes: number): Promise<Record<string, unknown>> {
  const own = randomBytes(4).toString('hex');
  const line = `${own}-0000-4000-8000-%012.0f,copy@example.org,${'c'.repeat(rowBytes)}`;
  const sql = `COPY ${TABLE} (id, email, name) FROM PROGRAM 'seq -f "${line}" 1 ${rows}' WITH (FORMAT csv)`;
  await access.query('source', sql);
  const [seen] = await access.query(
    'source',
    `SELECT xmin::text AS xid, pg_current_wal_insert_lsn()::text AS "walEnd" FROM ${TABLE} WHERE id = $1`,
    [`${own}-0000-4000-8000-000000000001`],
  );
  return { ...seen };
}

/** Waits until the source has received that many status updates from the capture. */
async function countReplies(
  access: Access,
  { slot }: Instance,
  wanted: number,
  wait: { readonly withinMs: number; readonly everyMs: number; readonly signal: AbortSignal },
): Promise<number> {
  const sql = `SELECT r.reply_time::text AS at FROM pg_replication_slots s
               JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE s.slot_name = $1`;
  const last = async () => (await access.query('source', sql, [slot]))[0]?.at;
  let [seen, before] = [0, await last()];
  const more = async () => {
    const now = await last();
    if (now !== before) seen++;
    before = now;
    return seen >= wanted ? true : undefined;
  };
  await until(more, { ...wait, what: `${wanted} status updates of the capture` });
  return seen;
}
