import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  readonly timeoutMs: number;
  /** First pause between two looks; it grows by half up to {@link maxPauseMs}. */
  readonly pauseMs?: number;
  readonly maxPauseMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Injectable clock, milliseconds. */
  readonly now?: () => number;
}

/**
 * Looks until `condition` gives something else than undefined, and gives that.
 * A condition that throws ends the wait: it knows best which errors mean "not yet".
 *
 * @returns undefined at the deadline.
 * @throws the signal's reason when it is aborted.
 */
export async function waitUntil<T>(
  condition: () => T | undefined | Promise<T | undefined>,
  options: WaitOptions,
): Promise<T | undefined> {
  const now = options.now ?? (() => performance.now());
  const deadline = now() + options.timeoutMs;
  let pauseMs = options.pauseMs ?? 10;
  for (;;) {
    options.signal?.throwIfAborted();
    const value = await condition();
    if (value !== undefined) return value;
    const leftMs = deadline - now();
    if (leftMs <= 0) return undefined;
    await sleep(Math.min(pauseMs, leftMs), undefined, { signal: options.signal });
    pauseMs = Math.min(pauseMs * 1.5, options.maxPauseMs ?? 200);
  }
}
