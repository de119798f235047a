/**
 * `verifier/observe`: reads a pipeline from outside, and waits until it has carried everything.
 * In: the two databases, Kafka, the Connect REST API, and the ledger of a workload.
 * Out: the fence's outcome, catalogues, the state of connectors, and how far the pipeline is.
 * Promises: shares no code with the pipeline but `contract/`, writes to the databases nothing but a logical
 * message, and never takes missing evidence for progress.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { printLsn } from '../connection/lsn.ts';
import type { Progress } from '../report.ts';
import { durationText } from '../units.ts';
import { distance, type Offsets, total } from './offsets.ts';
import { StandbyError } from './source/wal-position.ts';

export interface ConnectorView {
  readonly name: string;
  readonly type: 'source' | 'sink';
  /** The state as Connect prints it, or `UNREACHABLE`. */
  readonly state: string;
  readonly tasks: readonly string[];
  /** Trace or cause of a failure; else empty. */
  readonly detail: string;
}

/** What the fence looks at. Every method throws if the evidence is not available. */
export interface FenceInputs {
  /** A WAL position behind everything that is committed now. An idle slot must be able to reach it. */
  position(): Promise<Lsn>;
  /** `confirmed_flush_lsn` of the pipeline's slot; null if no slot is configured. */
  slotConfirmed(): Promise<Lsn | null>;
  endOffsets(): Promise<Offsets>;
  /** The ends with what lies behind open transactions, which a sink has to reach too. Left out: `endOffsets` has them. */
  highWatermarks?(): Promise<Offsets>;
  /** The offset up to which the sink says it is done. The sink has not begun a partition that is missing. */
  sinkOffsets(): Promise<Offsets>;
  /** The first offset that each partition still holds, from which a sink without an offset has to read. */
  firstOffsets(): Promise<Offsets>;
  /**
   * The ends without the records behind `done` that carry no data. After a transactional producer a topic ends in a
   * marker, which a sink that stores "last record + 1" never counts. Left out if topics have no such records.
   */
  dataEnds?(ends: Offsets, done: Offsets): Promise<Offsets>;
  /** What keeps a sink from passing `done` and is not the pipeline's own: an open transaction, as a sentence. */
  blockers?(ends: Offsets, done: Offsets): Promise<readonly string[]>;
  /** Whether a snapshot, initial or ad hoc, is running. */
  snapshotRunning(): Promise<boolean>;
  connectors(): Promise<readonly ConnectorView[]>;
}

export type FenceOutcome =
  | { readonly tag: 'passed'; readonly lsn: Lsn; readonly ends: Offsets; readonly progress: Progress }
  | { readonly tag: 'in-progress'; readonly lsn: Lsn; readonly progress: Progress }
  | { readonly tag: 'connector-failed'; readonly lsn: Lsn | null; readonly progress: Progress | null }
  | {
      readonly tag: 'no-evidence';
      readonly reason: string;
      readonly lsn: Lsn | null;
      readonly progress: Progress | null;
    };

export interface FenceOptions {
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal;
  readonly clock?: { now(): number; wait(ms: number, signal: AbortSignal): Promise<void> };
}

const FIRST_POLL_MS = 25;
const MAX_POLL_MS = 250;
/** Give up on a FAILED connector after this: it does not recover by itself. */
const FAILED_GRACE_MS = 2_000;
const LAST_LOOK_MS = 3_000;
const SNAPSHOT_POLL_MS = 500;
/** A sink that has not moved for this long is stuck, or is behind only by records that carry no data. */
const STALL_MS = 750;
/** Ask again after this whether the remaining records carry data: the last answer may have been a failure. */
const STALL_RETRY_MS = 5_000;

/** How long a sink may be behind before it is asked what blocks it, and how soon again. */
const BLOCKED_MS = 300;
const BLOCKED_RETRY_MS = 2_000;

/** Passes a new progress fence: if it is passed, everything committed before the call is in the sink. */
export type PassFence = () => Promise<'passed' | 'sync-in-progress' | 'no-evidence'>;

/**
 * Waits until the pipeline has carried everything that was committed before the call: the slot has confirmed the
 * source's position, no snapshot runs, and the sink's offsets have reached the ends that the topics had then.
 * @returns `passed`; `connector-failed`; or, at the deadline, `in-progress` if something moved, is paused or is blocked
 * from outside, and `no-evidence` if nothing moved or it could not be seen.
 */
export async function passFence(inputs: FenceInputs, options: FenceOptions): Promise<FenceOutcome> {
  const clock = options.clock ?? realClock;
  const watch = new Watch(inputs, clock.now());
  // A look that began in time gets a moment to end; give up on one that hangs.
  const late = Promise.withResolvers<'no answer'>();
  const leftAtStartMs = Math.max(0, options.deadlineAtMs - clock.now());
  const timer = setTimeout(() => late.resolve('no answer'), leftAtStartMs + LAST_LOOK_MS);
  try {
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(MAX_POLL_MS, pollMs * 1.5)) {
      const outcome = await Promise.race([watch.look(clock.now()), late.promise]);
      if (outcome === 'no answer')
        return watch.giveUp(clock.now(), 'the source, the sink or Kafka did not answer in time');
      if (outcome !== undefined) return outcome;
      const leftMs = options.deadlineAtMs - clock.now();
      if (leftMs <= 0 || options.signal.aborted) return watch.giveUp(clock.now());
      await clock.wait(Math.min(pollMs, leftMs), options.signal);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** What has been seen so far while waiting for one fence. */
class Watch {
  readonly #inputs: FenceInputs;
  readonly #startedMs: number;
  #lsn: Lsn | null = null;
  #ends: Offsets | null = null;
  #failedSinceMs: number | null = null;
  #problem: string | null = null;
  #first: Sample | null = null;
  #last: Sample | null = null;
  #moved = false;
  #paused = false;
  #snapshot = false;
  #snapshotAtMs = 0;
  #stalled: { readonly at: bigint; askMs: number } | null = null;
  #blocked: { readonly askMs: number; readonly by: readonly string[] } | null = null;
  #waitingFor: readonly string[] = ['the source'];

  constructor(inputs: FenceInputs, nowMs: number) {
    this.#inputs = inputs;
    this.#startedMs = nowMs;
  }

  /** Looks once. A problem is remembered, not thrown: a server that is down may be back before the deadline. */
  async look(nowMs: number): Promise<FenceOutcome | undefined> {
    const failing = this.#hasFailed(nowMs);
    try {
      this.#lsn ??= await this.#inputs.position();
      const [failed, sample] = await Promise.all([failing, this.#sample(nowMs)]);
      if (failed) return { tag: 'connector-failed', lsn: this.#lsn, progress: this.#progress(nowMs, false) };
      this.#note(sample);
      this.#problem = null;
      this.#waitingFor = await this.#obstacles(this.#lsn, sample);
    } catch (error) {
      this.#problem = messageOf(error);
      if (error instanceof StandbyError) return this.giveUp(nowMs);
      const failed = await failing;
      return failed ? { tag: 'connector-failed', lsn: this.#lsn, progress: null } : undefined;
    }
    if (this.#waitingFor.length > 0 || this.#ends === null) return undefined;
    const progress = this.#progress(nowMs, true);
    if (progress === null) return undefined;
    return { tag: 'passed', lsn: this.#lsn, ends: this.#ends, progress };
  }

  giveUp(nowMs: number, problem: string | null = null): FenceOutcome {
    this.#problem ??= problem;
    const progress = this.#progress(nowMs, false);
    const lsn = this.#lsn;
    if (this.#problem !== null || lsn === null || progress === null) {
      return { tag: 'no-evidence', reason: this.#problem ?? 'the source was not reached', lsn, progress };
    }
    const isHeld = this.#paused || (this.#blocked?.by.length ?? 0) > 0;
    if (this.#moved || isHeld || progress.snapshotRunning) return { tag: 'in-progress', lsn, progress };
    const waiting = this.#waitingFor.join(' and ');
    const reason = `nothing moved for ${durationText(progress.waitedMs)} while waiting for ${waiting}`;
    return { tag: 'no-evidence', reason, lsn, progress };
  }

  async #hasFailed(nowMs: number): Promise<boolean> {
    // The check `connector-state` reports an unreachable worker; here its state is just unknown.
    const connectors = await this.#inputs.connectors().catch(() => []);
    this.#paused = connectors.some((c) =>
      [c.state, ...c.tasks].some((s) => s === 'PAUSED' || s === 'STOPPED'),
    );
    const failed = connectors.some((c) => [c.state, ...c.tasks].includes('FAILED'));
    if (!failed) this.#failedSinceMs = null;
    else this.#failedSinceMs ??= nowMs;
    return this.#failedSinceMs !== null && nowMs - this.#failedSinceMs >= FAILED_GRACE_MS;
  }

  async #sample(atMs: number): Promise<Sample> {
    const [confirmed, ends, done] = await Promise.all([
      this.#inputs.slotConfirmed(),
      this.#inputs.endOffsets(),
      this.#inputs.sinkOffsets(),
    ]);
    return { atMs, confirmed, ends, done: begunAt(done, await this.#inputs.firstOffsets()) };
  }

  #note(sample: Sample): void {
    const before = this.#first;
    if (before === null) this.#first = sample;
    else {
      const sink = total(sample.done) > total(before.done);
      const capture =
        (sample.confirmed ?? 0n) > (before.confirmed ?? 0n) || total(sample.ends) > total(before.ends);
      // Once the topics hold everything, only progress of the sink counts.
      this.#moved = sink || (this.#ends === null && capture);
    }
    this.#last = sample;
  }

  async #obstacles(lsn: Lsn, sample: Sample): Promise<readonly string[]> {
    if (this.#ends === null) {
      const obstacles: string[] = [];
      if (sample.confirmed !== null && sample.confirmed < lsn) {
        obstacles.push(`the slot to confirm ${printLsn(lsn)} (it is at ${printLsn(sample.confirmed)})`);
      } else if (await this.#inSnapshot(sample.atMs)) obstacles.push('a snapshot to complete');
      if (obstacles.length > 0) return obstacles;
      // Read after the slot has confirmed: everything that it confirmed is in the topics by now.
      this.#ends = await (this.#inputs.highWatermarks?.() ?? this.#inputs.endOffsets());
    }
    let behind = distance(this.#ends, sample.done);
    const blockers = behind > 0n ? await this.#blockers(this.#ends, sample) : [];
    // Behind an open transaction, nobody can read whether the remaining records carry data.
    if (behind > 0n && blockers.length === 0 && this.#isStalled(sample)) {
      this.#ends = (await this.#inputs.dataEnds?.(this.#ends, sample.done)) ?? this.#ends;
      behind = distance(this.#ends, sample.done);
    }
    return behind > 0n ? [`the sink to apply ${behind} more events`, ...blockers] : [];
  }

  /** Asked every few seconds. Without an answer, the sink counts as not blocked. */
  async #blockers(ends: Offsets, { atMs, done }: Sample): Promise<readonly string[]> {
    this.#blocked ??= { askMs: atMs + BLOCKED_MS, by: [] };
    if (atMs >= this.#blocked.askMs) {
      const by = (await this.#inputs.blockers?.(ends, done).catch(() => [])) ?? [];
      this.#blocked = { askMs: atMs + BLOCKED_RETRY_MS, by };
    }
    return this.#blocked.by;
  }

  /** True, every few seconds, while the sink does not move: the remaining records may carry no data. */
  #isStalled({ atMs, done }: Sample): boolean {
    const at = total(done);
    if (this.#stalled?.at !== at) this.#stalled = { at, askMs: atMs + STALL_MS };
    if (atMs < this.#stalled.askMs) return false;
    this.#stalled.askMs = atMs + STALL_RETRY_MS;
    return true;
  }

  /** Asked only once the slot has confirmed, and not at every look: to answer, a worker may have to read a topic. */
  async #inSnapshot(nowMs: number): Promise<boolean> {
    if (this.#snapshot && nowMs - this.#snapshotAtMs < SNAPSHOT_POLL_MS) return true;
    this.#snapshotAtMs = nowMs;
    this.#snapshot = await this.#inputs.snapshotRunning();
    return this.#snapshot;
  }

  /** Behind an open transaction, the fence's ends are further on than those of what is committed. */
  #behind({ ends, done }: Sample): bigint {
    const [now, fence] = [distance(ends, done), distance(this.#ends ?? ends, done)];
    return now > fence ? now : fence;
  }

  #progress(nowMs: number, fencePassed: boolean): Progress | null {
    const [first, last, lsn] = [this.#first, this.#last, this.#lsn];
    if (first === null || last === null || lsn === null) return null;
    const applied = Number(total(last.done) - total(first.done));
    const seconds = (last.atMs - first.atMs) / 1000;
    const wal = last.confirmed === null || last.confirmed >= lsn ? 0n : lsn - last.confirmed;
    return {
      fencePassed,
      eventsBehind: fencePassed ? 0 : Number(this.#behind(last)),
      eventsBehindAtStart: Number(distance(first.ends, first.done)),
      walBehindBytes: Number(wal),
      rateEventsPerSecond: seconds > 0 && applied > 0 ? applied / seconds : 0,
      waitedMs: nowMs - this.#startedMs,
      snapshotRunning: this.#snapshot,
      waitingFor: fencePassed ? [] : [...this.#waitingFor],
    };
  }
}

interface Sample {
  readonly atMs: number;
  readonly confirmed: Lsn | null;
  readonly ends: Offsets;
  readonly done: Offsets;
}

/** The sink's offsets; a partition that it has not begun counts from its first offset. */
function begunAt(done: Offsets, firsts: Offsets): Offsets {
  const all = new Map(done);
  for (const [partition, first] of firsts) {
    const own = all.get(partition);
    if (own === undefined || own < first) all.set(partition, first);
  }
  return all;
}

const realClock = {
  now: () => performance.now(),
  // An abort ends the wait early.
  wait: (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => undefined),
};
