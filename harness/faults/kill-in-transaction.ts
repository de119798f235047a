import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { CRASH_POINTS } from '../../pipeline/contract/crash-points.ts';
import type { Access } from '../access/access.ts';
import { isRunning, startIfDown } from '../access/instance-services.ts';
import { engineOf } from '../lab/engines.ts';
import type { Instance } from '../lab/lab.ts';
import { defineFault, type Evidence } from '../plugins/fault.ts';
import { until } from '../wait.ts';

const TABLE = 'public.customers';
const POINT = CRASH_POINTS.afterProduceBeforeAck;
/** More than the workload has in flight, so that some of them are of the COPY. */
const FIRST_ROWS = 1_200;
/** A COPY writes at most so many rows at once: a record of the WAL ends there, even within a page. */
const ROWS_AT_ONCE = 1_000;
/** If the stored position does not move, as in a sound capture, the kill comes after this share of the rows. */
const LATEST_SHARE = 0.75;

interface Wait {
  readonly withinMs: number;
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

/**
 * A COPY writes the rows of a page in one WAL record, so that many rows of its transaction have one LSN. The capture is
 * killed when the topic holds some of these rows, and not all. A capture with crash points is killed where the last row
 * in the topic and the next one have the same LSN; or, with `replies`, when its stored position has moved.
 */
export default defineFault({
  description: 'SIGKILL the capture in the middle of one transaction that a COPY writes',
  params: z.strictObject({
    /** Rows of the transaction. */
    rows: z.number().int().positive(),
    /** Bytes of text in each row. */
    rowBytes: z.number().int().positive().default(10),
    /**
     * Status updates of the capture that the source has received within the transaction. The capture then publishes
     * until the position that it stores has moved within the transaction, or three quarters of the rows are in the topic.
     */
    replies: z.number().int().min(0).default(0),
  }),
  example: { rows: 20_000, rowBytes: 10, replies: 0 },
  needs: ['kill', 'start'],
  touches: ['instance'],

  async observe({ lab, instance, access }) {
    const service = instance.services.capture;
    const info = (await lab.runtime.services()).find((candidate) => candidate.name === service);
    return { service, pid: info?.pid ?? null, published: await published(access, instance) };
  },

  async inject({ lab, instance, access, signal, withinMs }, { rows, rowBytes = 10, replies = 0 }) {
    const wait = { withinMs, everyMs: 10, signal };
    // Held before the COPY commits, so that it does not get to the end of it first.
    const stepwise = isStepwise(instance);
    if (stepwise) await access.armCrashPoint('capture', POINT, 0);
    const written = await copyRows(access, rows, rowBytes);
    const stepUntil = async (what: string, isThere: () => Promise<boolean>) => {
      const next = async () => {
        if (stepwise) await step(access, wait);
        return await isThere();
      };
      await until(next, { ...wait, what });
    };
    const start = await published(access, instance);
    const more = async () => (await published(access, instance)) - start;
    await stepUntil(`${FIRST_ROWS} more rows in the topic`, async () => (await more()) >= FIRST_ROWS);
    const stored = await storedLsn(access);
    const seen = await countReplies(access, instance, replies, wait);
    if (replies > 0 && stepwise) {
      await stepUntil('the stored position to move, or most rows to be in the topic', async () => {
        if ((await storedLsn(access)) !== stored) return true;
        return (await more()) >= rows * LATEST_SHARE;
      });
    } else if (stepwise) {
      await stepUntil('two rows with one LSN, one in the topic and one not', async () => {
        const last = await rowsInTopic(access, written.own, wait);
        return last % ROWS_AT_ONCE !== 0 && (await areOnOnePage(access, written.own, last));
      });
    }
    const position = { atFirst: stored, atTheKill: await storedLsn(access) };
    const proof = await lab.runtime.kill?.(instance.services.capture);
    return { ...written, repliesInTransaction: seen, storedLsn: position, killed: proof?.evidence ?? {} };
  },

  async prove({ lab, instance, access, signal, withinMs }, { rows, replies = 0 }, before, done) {
    const service = instance.services.capture;
    if (await isRunning(lab.runtime, service)) return undefined;
    // A few of them are other transactions of the workload, so a count below the rows shows that some were missing.
    const inTopic = (await published(access, instance)) - Number(before.published);
    if (inTopic < FIRST_ROWS || inTopic >= rows) return undefined;
    const proof = { service, pidBefore: before.pid, gone: true, rows, publishedBeforeTheKill: inTopic };
    // A capture without crash points is killed anywhere, and a keepalive counts at any row.
    if (replies > 0 || !isStepwise(instance)) return proof;
    const split = await splitRecord(access, instance, done, { withinMs, everyMs: 100, signal });
    return split === undefined ? undefined : { ...proof, ...split };
  },

  async heal({ lab, instance, access, signal }) {
    const service = instance.services.capture;
    const started = await startIfDown(lab.runtime, service, signal);
    if (started === null && isStepwise(instance)) await access.releaseCrashPoint('capture', POINT);
    const said = started === null ? `${service} was running` : `started ${service} again`;
    return { said, evidence: started?.evidence ?? {} };
  },
});

function isStepwise({ engines }: Instance): boolean {
  return engineOf('source', engines).crashPoints;
}

/** Lets the capture publish one more batch. */
async function step(access: Access, wait: Wait) {
  const waits = async () => (await access.crashPoints('capture')).waiting.length > 0 || undefined;
  await access.armCrashPoint('capture', POINT, 0);
  await until(waits, { ...wait, everyMs: 5, what: `the capture to reach ${POINT}` });
}

async function published(access: Access, { topicPrefix }: Instance): Promise<number> {
  return Number((await access.endOffsets()).get(`${topicPrefix}.${TABLE}`) ?? 0n);
}

async function storedLsn(access: Access): Promise<unknown> {
  return (await access.connectorOffsets('capture'))[0]?.offset?.lsn ?? null;
}

/** `id` of a row of the COPY: the first eight digits are `own`, the last twelve count the rows from 1. */
const idOf = (own: string, row: number) => `${own}-0000-4000-8000-${String(row).padStart(12, '0')}`;

/** @returns the rows' own prefix, the transaction's id, and the end of the WAL behind it. */
async function copyRows(access: Access, rows: number, rowBytes: number) {
  const own = randomBytes(4).toString('hex');
  const line = `${own}-0000-4000-8000-%012.0f,copy@example.org,${'c'.repeat(rowBytes)}`;
  const sql = `COPY ${TABLE} (id, email, name) FROM PROGRAM 'seq -f "${line}" 1 ${rows}' WITH (FORMAT csv)`;
  await access.query('source', sql);
  const [seen] = await access.query(
    'source',
    `SELECT xmin::text AS xid, pg_current_wal_insert_lsn()::text AS "walEnd" FROM ${TABLE} WHERE id = $1`,
    [idOf(own, 1)],
  );
  return { ...seen, own };
}

/** How many rows of the COPY the topic holds, while the capture publishes nothing: the sink has them all then. */
async function rowsInTopic(access: Access, own: string, wait: Wait): Promise<number> {
  const isDrained = async () => (await access.lag()).events === 0;
  await until(isDrained, { ...wait, what: 'the sink to have what is in the topics' });
  const sql = `SELECT count(*)::int AS rows FROM ${TABLE} WHERE id > $1 AND id < $2`;
  const [row] = await access.query('sink', sql, [idOf(own, 0), `${own}-0000-4000-9000-000000000000`]);
  return Number(row?.rows ?? 0);
}

/** Whether a row of the COPY and the next one are on one page of the table. */
async function areOnOnePage(access: Access, own: string, row: number): Promise<boolean> {
  const sql = `SELECT (ctid::text::point)[0] AS page FROM ${TABLE} WHERE id IN ($1, $2)`;
  const [first, second] = await access.query('source', sql, [idOf(own, row), idOf(own, row + 1)]);
  return second !== undefined && first?.page === second.page;
}

/**
 * Reads from the capture's slot, which keeps the transaction, the LSNs of the last row in the topic and of the next one.
 * @returns undefined if they differ.
 */
async function splitRecord(access: Access, instance: Instance, done: Evidence, wait: Wait) {
  const last = await rowsInTopic(access, String(done.own), wait);
  const sql = `
    SELECT lsn::text FROM (
      SELECT lsn, row_number() OVER (ORDER BY place) AS row
      FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)
           WITH ORDINALITY AS change (lsn, xid, data, place)
      WHERE xid::text = $3 AND get_byte(data, 0) = ascii('I')) AS inserts
    WHERE row IN ($4::int, $4::int + 1) ORDER BY row`;
  const values = [instance.slot, `"${instance.publication}"`, done.xid, last];
  // The server may not have noticed yet that the capture is gone.
  const peek = async () => await access.query('source', sql, values);
  const [own, next] = await until(peek, { ...wait, what: `slot ${instance.slot} to be free` });
  if (own === undefined || next === undefined || own.lsn !== next.lsn) return undefined;
  return { lastRowInTopic: last, lsnOfIt: own.lsn, lsnOfTheNext: next.lsn };
}

/** Waits until the source has received that many status updates from the capture. */
async function countReplies(access: Access, { slot }: Instance, wanted: number, wait: Wait): Promise<number> {
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
