import { type Finding, finding } from '../../verifier/report.ts';
import { countText, durationText } from '../../verifier/units.ts';
import type { Access, WorkerRole } from '../access/access.ts';
import type { Instance } from '../lab/lab.ts';
import type { StallSeen, UnsaidSeen } from '../plugins/ends.ts';
import { poll } from '../wait.ts';
import { deadWorker, failureIn, hopOf } from './stop.ts';

export interface StallWait {
  readonly connector: WorkerRole;
  /** A position that has not changed for this long stands still. */
  readonly forMs: number;
  /** Then it counts as getting on. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
  readonly now?: () => number;
}

/** How far a connector is: where it stands, and what is left up to the target. */
interface Place {
  readonly at: string;
  readonly left: number;
}

const EVERY_MS = 200;

/**
 * Waits until a connector has caught up with what was written so far, has failed, or stands still with work left.
 *
 * @throws the signal's reason when it is aborted.
 */
export async function untilStalled(
  access: Pick<Access, 'query' | 'lagByPartition' | 'connectorStatus'>,
  instance: Pick<Instance, 'slot'>,
  { connector, forMs, withinMs, signal, now = () => performance.now() }: StallWait,
): Promise<StallSeen> {
  const start = now();
  const look = connector === 'sink' ? await sinkPlaces(access) : await capturePlaces(access, instance.slot);
  let last: Place | null = null;
  let movedAt = start;
  const end = await poll(
    async (): Promise<StallSeen['end'] | undefined> => {
      const place = await look();
      if (place.at !== last?.at) movedAt = now();
      last = place;
      if (place.left <= 0) return 'caught-up';
      const status = await access.connectorStatus(connector).catch(() => undefined);
      if (status !== undefined && failureIn(status) !== undefined) return 'failed';
      if (now() - movedAt < forMs) return undefined;
      return status === undefined ? 'unanswered' : 'stalled';
    },
    { withinMs, everyMs: EVERY_MS, signal, now },
  );
  const [stillMs, afterMs] = [now() - movedAt, now() - start].map(Math.round) as [number, number];
  return { connector, end: end ?? 'moving', stillMs, left: (last as Place | null)?.left ?? 0, afterMs };
}

/** Where the sink's group is on the way to the ends that its topics have now. */
async function sinkPlaces(access: Pick<Access, 'lagByPartition'>): Promise<() => Promise<Place>> {
  const key = (one: { topic: string; partition: number }): string => `${one.topic}/${one.partition}`;
  const ends = new Map((await access.lagByPartition()).map((lag) => [key(lag), lag.end]));
  return async () => {
    const lags = await access.lagByPartition();
    const at = lags.map((lag) => `${key(lag)} ${lag.committed ?? 0n}`).join(' ');
    const left = lags.reduce((sum, lag) => {
      const short = Number((ends.get(key(lag)) ?? 0n) - (lag.committed ?? 0n));
      return sum + Math.max(0, short);
    }, 0);
    return { at, left };
  };
}

/** Where the capture's slot is on the way to the source's position of now. A missing slot is nowhere. */
async function capturePlaces(access: Pick<Access, 'query'>, slot: string): Promise<() => Promise<Place>> {
  const [now] = await access.query('source', 'SELECT pg_current_wal_lsn()::text AS lsn');
  await access.query('source', `SELECT pg_logical_emit_message(true, 'cdc-lab.caught-up', '')`);
  const target = String(now?.lsn);
  return async () => {
    const [row] = await access.query(
      'source',
      `SELECT confirmed_flush_lsn::text AS at, pg_wal_lsn_diff($2::pg_lsn, confirmed_flush_lsn)::int8 AS left
         FROM pg_replication_slots WHERE slot_name = $1`,
      [slot, target],
    );
    if (row?.at == null) return { at: 'no slot', left: 1 };
    return { at: String(row.at), left: Number(row.left) };
  };
}

/** A connector that stands still without an error is `stalled`, unless its worker has died. */
export function stallFindings({ connector, end, stillMs, left }: StallSeen): Finding[] {
  if (end !== 'stalled' && end !== 'unanswered') return [];
  const what = `${countText(left)} ${connector === 'sink' ? 'events' : 'bytes of WAL'}`;
  const still = `the ${connector} has ${what} to go, has not moved for ${durationText(stillMs)}`;
  if (end === 'unanswered') return [deadWorker(connector, still)];
  const detail = `${still}, and reports no error`;
  const about = { check: 'contract', verdict: 'FAIL', hop: hopOf(connector), detail } as const;
  return [finding({ ...about, class: 'stalled' })];
}

/** A connector that waits for somebody, and does not say for whom, is `stalled` to all who look at it. */
export function unsaidFinding({ connector, afterMs, last }: UnsaidSeen): Finding {
  const said = last.length === 0 ? 'nothing' : last.join('; ');
  const detail = `the ${connector} has not said for ${durationText(afterMs)} what it waits for; its health says ${said}`;
  return finding({ check: 'contract', verdict: 'FAIL', class: 'stalled', hop: hopOf(connector), detail });
}
