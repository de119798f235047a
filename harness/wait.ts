import { setTimeout as sleep } from 'node:timers/promises';
import { LabError, messageOf } from '../pipeline/contract/errors.ts';

export interface PollOptions {
  readonly withinMs: number;
  /** First pause between two looks (default 100); it grows by half up to {@link maxEveryMs}. */
  readonly everyMs?: number;
  /** Left out: the pause does not grow. */
  readonly maxEveryMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds on a clock that never goes back; injectable for tests. */
  readonly now?: () => number;
}

export interface WaitOptions extends PollOptions {
  /** What is waited for, as it reads after "waiting for". */
  readonly what: string;
}

/** A condition did not hold in time. */
export class DeadlineError extends LabError {
  constructor(what: string, withinMs: number, cause?: unknown) {
    const last = cause === undefined ? '' : ` (last error: ${messageOf(cause)})`;
    super('CDC-5001', `timed out after ${withinMs} ms waiting for ${what}${last}`, {
      remedy: 'see the journal and `cdc-lab logs` for what it was doing',
      cause,
    });
    this.name = 'DeadlineError';
  }
}

type Answer<T> = T | undefined | false;

/**
 * Checks `condition`, at least once, until it returns something other than undefined or false, and returns that; at the
 * deadline it returns undefined. An error thrown by the condition ends the wait.
 *
 * @throws the signal's reason when it is aborted.
 */
export async function poll<T>(
  condition: () => Answer<T> | Promise<Answer<T>>,
  options: PollOptions,
): Promise<T | undefined> {
  const now = options.now ?? (() => performance.now());
  const deadline = now() + options.withinMs;
  let everyMs = options.everyMs ?? 100;
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await condition();
    if (answer !== undefined && answer !== false) return answer;
    const leftMs = deadline - now();
    if (leftMs <= 0) return undefined;
    await pause(Math.max(1, Math.min(everyMs, leftMs)), options.signal);
    everyMs = Math.min(everyMs * 1.5, options.maxEveryMs ?? everyMs);
  }
}

/**
 * As {@link poll}, but not getting there in time is an error. An error thrown by the condition counts as "not yet".
 *
 * @throws DeadlineError with the last such error as its cause; the signal's reason when it is aborted.
 */
export async function until<T>(
  condition: () => Answer<T> | Promise<Answer<T>>,
  options: WaitOptions,
): Promise<T> {
  let last: unknown;
  const answer = await poll(async () => {
    try {
      const now = await condition();
      last = undefined;
      return now;
    } catch (error) {
      options.signal?.throwIfAborted();
      last = error;
      return undefined;
    }
  }, options);
  if (answer === undefined) throw new DeadlineError(options.what, options.withinMs, last);
  return answer;
}

/** Sleeps. @throws the signal's own reason when it is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/**
 * Runs `work` with a signal that aborts at the deadline or together with `outer`, whichever comes first. Rejects at
 * that moment, even if `work` ignores the signal.
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
