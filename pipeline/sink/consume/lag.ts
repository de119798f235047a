import type { ComponentHealth, HealthBounds } from '../../contract/health.ts';
import type { Claim } from '../apply/claim.ts';
import { labelOf } from '../bind/table-name.ts';

/** Ends of what is committed, per topic and partition number. */
export type TopicEnds = ReadonlyMap<string, readonly bigint[]>;

/** The part of a lane that its lag is measured by. */
export interface LagSource {
  readonly claim: Claim;
  /** Kafka's timestamp of the oldest record that is fetched and not applied; null if there is none. */
  readonly oldestFetchedMs: number | null;
}

/** How far the sink is behind the topics, as of one moment. */
export interface LagObservation {
  /** Records that are in the topics and not in the sink; null before the first measurement. */
  readonly events: number | null;
  /** How long the oldest of them has waited at least. */
  readonly oldestMs: number;
  /** For how long there has been lag without any partition moving. */
  readonly unmovedMs: number;
  readonly isPaused: boolean;
}

/** Health of the components `lag` and `progress`. A paused sink still has lag, but it does not stall. */
export function lagHealth(lag: LagObservation, bounds: HealthBounds): readonly ComponentHealth[] {
  const { events, oldestMs, unmovedMs, isPaused } = lag;
  if (events === null) {
    const detail = 'not measured yet';
    return [
      { component: 'lag', health: 'ok', detail },
      { component: 'progress', health: 'ok', detail },
    ];
  }
  const over = [
    ...(events > bounds.lagEvents ? [`more than ${bounds.lagEvents} records`] : []),
    ...(oldestMs > bounds.lagMs ? [`older than ${bounds.lagMs} ms`] : []),
  ];
  const behind =
    events === 0 ? 'caught up' : `${events} records behind, the oldest for ${Math.round(oldestMs)} ms`;
  const isStalled = events > 0 && !isPaused && unmovedMs >= bounds.stalledAfterMs;
  const state = isPaused ? 'paused' : events === 0 ? 'caught up' : 'applying';
  return [
    {
      component: 'lag',
      health: over.length > 0 ? 'degraded' : 'ok',
      detail: over.length > 0 ? `${behind}: ${over.join(', ')}` : behind,
    },
    {
      component: 'progress',
      health: isStalled ? 'degraded' : 'ok',
      detail: isStalled
        ? `${events} records behind, and no partition has moved for ${Math.round(unmovedMs)} ms`
        : state,
    },
  ];
}

/** Measures lag from the ends of the topics, which the task asks for every few seconds. Costs nothing per record. */
export class LagMeter {
  #ends: TopicEnds | null = null;
  /** Per partition an end that is not reached yet, and when it was seen: the oldest record waits since then at least. */
  #waiting = new Map<string, { readonly end: bigint; readonly sinceMs: number }>();
  /** When the present lag was first seen; null if there is none. */
  #behindSinceMs: number | null = null;
  #movedAtMs = Number.NEGATIVE_INFINITY;

  /** Takes new ends of the topics into account. */
  measured(ends: TopicEnds, sources: readonly LagSource[], nowMs: number): void {
    this.#ends = ends;
    const waiting = new Map<string, { readonly end: bigint; readonly sinceMs: number }>();
    for (const { claim } of sources) {
      const key = keyOf(claim);
      const end = endOf(ends, claim);
      const known = this.#waiting.get(key);
      if (known !== undefined && claim.nextOffset < known.end) waiting.set(key, known);
      else if (claim.nextOffset < end) waiting.set(key, { end, sinceMs: nowMs });
    }
    this.#waiting = waiting;
    if (waiting.size === 0) this.#behindSinceMs = null;
    else this.#behindSinceMs ??= nowMs;
  }

  /** A partition moved, or the task was resumed: it has not stalled before now. */
  moved(nowMs: number): void {
    this.#movedAtMs = nowMs;
  }

  /** Lag by the label of the topic. */
  byTable(sources: readonly LagSource[]): Map<string, number> {
    const lag = new Map<string, number>();
    for (const { claim } of sources) {
      const label = labelOf(claim.topic);
      lag.set(label, (lag.get(label) ?? 0) + behindOf(this.#ends, claim));
    }
    return lag;
  }

  observe(sources: readonly LagSource[], isPaused: boolean, nowMs: number): LagObservation {
    if (this.#ends === null || sources.length === 0) {
      return { events: null, oldestMs: 0, unmovedMs: 0, isPaused };
    }
    let events = 0;
    let oldestMs = 0;
    for (const { claim, oldestFetchedMs } of sources) {
      const behind = behindOf(this.#ends, claim);
      if (behind === 0) continue;
      events += behind;
      const waiting = this.#waiting.get(keyOf(claim));
      if (waiting !== undefined && claim.nextOffset < waiting.end) {
        oldestMs = Math.max(oldestMs, nowMs - waiting.sinceMs);
      }
      if (oldestFetchedMs !== null) oldestMs = Math.max(oldestMs, nowMs - oldestFetchedMs);
    }
    const since = this.#behindSinceMs ?? nowMs;
    const unmovedMs = events === 0 ? 0 : nowMs - Math.max(since, this.#movedAtMs);
    return { events, oldestMs, unmovedMs, isPaused };
  }
}

function keyOf({ topic, partition }: Claim): string {
  return `${topic}:${partition}`;
}

function endOf(ends: TopicEnds, { topic, partition, nextOffset }: Claim): bigint {
  return ends.get(topic)?.[partition] ?? nextOffset;
}

function behindOf(ends: TopicEnds | null, claim: Claim): number {
  if (ends === null) return 0;
  return Math.max(0, Number(endOf(ends, claim) - claim.nextOffset));
}
