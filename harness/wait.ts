import { setTimeout as sleep } from 'node:timers/promises';
import { LabError, messageOf } from '../pipeline/contract/errors.ts';

export interface WaitOptions {
  /** What is waited for, as it reads after "waited … ms for". */
  readonly what: string;
  readonly withinMs: number;
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
  /** Milliseconds on a clock that never goes back; injectable for tests. */
  readonly now?: () => number;
}

/** A condition did not hold in time. */
export class DeadlineError extends LabError {
  constructor(what: string, withinMs: number, cause?: unknown) {
    const last = cause === undefined ? '' : ` (last: ${messageOf(cause)})`;
    super('CDC-5001', `waited ${withinMs} ms for ${what}, in vain${last}`, {
      remedy: 'see the journal and `cdc-lab logs` for what it was doing',
      cause,
    });
    this.name = 'DeadlineError';
  }
}

/**
 * Asks until the answer is neither undefined nor false, and returns it. An error of `probe` counts as "not yet"
 * and is the cause of the {@link DeadlineError}, except after an abort.
 */
export async function until<T>(
  probe: () => Promise<T | undefined | false>,
  options: WaitOptions,
): Promise<T> {
  const now = options.now ?? (() => performance.now());
  const end = now() + options.withinMs;
  let last: unknown;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      options.signal?.throwIfAborted();
      last = error;
    }
    if (now() >= end) throw new DeadlineError(options.what, options.withinMs, last);
    const pause = options.everyMs ?? 100;
    await sleep(
      Math.max(1, Math.min(pause, end - now())),
      undefined,
      options.signal ? { signal: options.signal } : {},
    );
  }
}

/**
 * Runs `work` under a signal that aborts at the deadline or with `outer`, whichever comes first, and rejects then
 * at once, even if `work` does not listen.
 */
export async function withDeadline<T>(
  what: string,
  withinMs: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
  const timer = setTimeout(() => controller.abort(new DeadlineError(what, withinMs)), withinMs);
  const forward = () => controller.abort(outer?.reason);
  outer?.addEventListener('abort', forward, { once: true });
  try {
    return await Promise.race([work(controller.signal), aborted]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', forward);
  }
}
