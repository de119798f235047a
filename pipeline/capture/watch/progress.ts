import type { ComponentHealth, HealthBounds } from '../../contract/health.ts';
import type { Lsn } from '../../contract/lsn.ts';

/** What the session has to do and has done, at one moment. */
export interface ProgressSample {
  /** Paused by the user. */
  readonly paused: boolean;
  /** What is still to be done, for people to read; undefined if there is nothing. */
  readonly work: string | undefined;
  /** Differs from the mark of an earlier sample if anything has moved since. */
  readonly mark: string;
  /** Commit time of the oldest change that was read and is not acknowledged; milliseconds since the epoch. */
  readonly oldestCommitMs: number | undefined;
}

/** What a session shows of itself. */
export interface SessionView {
  readonly paused: boolean;
  /** Id of the running snapshot. */
  readonly snapshot: string | undefined;
  /** Number of records that Kafka has acknowledged in this session. */
  readonly publishedRecords: number;
  readonly stream: StreamView | undefined;
  /** End of the source's WAL. */
  readonly walEnd: Lsn | undefined;
}
interface StreamView {
  readonly flushedLsn: Lsn;
  readonly receivedLsn: Lsn;
  readonly hasUnacknowledged: boolean;
  readonly oldestCommitTimeUs: bigint | undefined;
}

/** A WAL page. The end of the WAL may be a page header beyond the end of its last record, which is no work. */
const WAL_PAGE_BYTES = 8_192n;

export function progressSample(view: SessionView): ProgressSample {
  const { paused, snapshot, publishedRecords, stream } = view;
  const oldestUs = stream?.oldestCommitTimeUs;
  return {
    paused,
    work: workOf(view),
    // Keepalives move both positions past the WAL of tables that are not captured.
    mark: [stream?.flushedLsn, stream?.receivedLsn, publishedRecords, snapshot].join(' '),
    oldestCommitMs: oldestUs === undefined ? undefined : Number(oldestUs / 1000n),
  };
}

function workOf({ snapshot, stream, walEnd }: SessionView): string | undefined {
  if (snapshot !== undefined) return `snapshot ${snapshot}`;
  if (stream === undefined) return undefined;
  if (stream.hasUnacknowledged) return 'changes are waiting for Kafka';
  const isBehind = walEnd !== undefined && walEnd - stream.flushedLsn > WAL_PAGE_BYTES;
  return isBehind ? 'the source has more WAL' : undefined;
}

/** Notes when the session last moved. */
export class ProgressWatch {
  readonly #bounds: HealthBounds;
  readonly #now: () => number;
  #mark: string | undefined;
  #wasBusy = false;
  #movedMs: number;

  /** @param now Milliseconds since the epoch. */
  constructor(bounds: HealthBounds, now: () => number = Date.now) {
    this.#bounds = bounds;
    this.#now = now;
    this.#movedMs = now();
  }

  /** Takes a sample and returns the components `lag` and `progress`. */
  observe(sample: ProgressSample): ComponentHealth[] {
    const nowMs = this.#now();
    const isBusy = sample.work !== undefined && !sample.paused;
    // Work that was not there at the last sample has just begun.
    if (sample.mark !== this.#mark || !isBusy || !this.#wasBusy) this.#movedMs = nowMs;
    this.#mark = sample.mark;
    this.#wasBusy = isBusy;
    return judgeProgress(sample, { nowMs, stillMs: nowMs - this.#movedMs }, this.#bounds);
  }
}

/**
 * `lag` is degraded if the oldest unacknowledged change committed more than `lagMs` ago; `progress` is degraded if there
 * is work and nothing has moved for `stalledAfterMs`.
 * @param at The time, and for how long nothing has moved.
 */
export function judgeProgress(
  { paused, work, oldestCommitMs }: ProgressSample,
  at: { readonly nowMs: number; readonly stillMs: number },
  bounds: HealthBounds,
): ComponentHealth[] {
  if (paused) return [lag('ok', 'paused'), progress('ok', 'paused')];
  const stalled = work !== undefined && at.stillMs >= bounds.stalledAfterMs;
  const moving = work === undefined ? 'nothing to do' : `moving: ${work}`;
  const progressHealth = stalled
    ? progress('degraded', `no progress for ${seconds(at.stillMs)} s: ${work}`)
    : progress('ok', moving);
  if (oldestCommitMs === undefined) return [lag('ok', 'no change is waiting'), progressHealth];
  const ageMs = Math.max(0, at.nowMs - oldestCommitMs);
  const age = `the oldest waiting change committed ${seconds(ageMs)} s ago`;
  const lagHealth =
    ageMs > bounds.lagMs
      ? lag('degraded', `${age}, the bound is ${seconds(bounds.lagMs)} s`)
      : lag('ok', age);
  return [lagHealth, progressHealth];
}

function lag(health: 'ok' | 'degraded', detail: string): ComponentHealth {
  return { component: 'lag', health, detail };
}

function progress(health: 'ok' | 'degraded', detail: string): ComponentHealth {
  return { component: 'progress', health, detail };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
