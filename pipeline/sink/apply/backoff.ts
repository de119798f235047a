import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../contract/connector.ts';
import { LabError, messageOf } from '../../contract/errors.ts';
import type { ComponentHealth, Health } from '../../contract/health.ts';
import { toWaitFor } from './db-errors.ts';

type Component = 'database' | 'broker';
const REMEDY: Readonly<Record<Component, string>> = {
  database: 'Check that the sink database is up, and that connection.url, username and password are correct.',
  broker: 'Check that the broker is up and reachable.',
};
const MAX_DELAY_MS = 5_000;

export interface BackoffOptions {
  /** -1: without limit. */
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Injectable; uniform in [0, 1). */
  readonly random?: () => number;
}

/** The delay in milliseconds after `attempt` failed retries: it doubles up to a bound, and half of it is random. */
export function delayOf(attempt: number, baseMs: number, random: number): number {
  const ceiling = Math.min(MAX_DELAY_MS, baseMs * 2 ** Math.min(attempt, 12));
  return ceiling / 2 + (ceiling / 2) * random;
}

/** Waits between attempts, and reports as health which component does not answer. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #health = new Map<Component, { health: Health; detail: string; retries: number }>();

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /**
   * Runs the work until it succeeds. After an error that will pass it waits for the component that did not answer.
   * @throws the work's error if it will not pass; otherwise as {@link wait}.
   */
  async retry<T>(component: Component, work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await work();
        this.succeeded(component);
        return result;
      } catch (error) {
        const culprit = toWaitFor(component, error);
        if (culprit === null || this.#options.signal.aborted) throw error;
        await this.wait(culprit, attempt, error);
      }
    }
  }

  /** @throws LabError CDC-2020 if the retries are used up; the signal's reason if the task stops. */
  async wait(component: Component, attempt: number, error: unknown): Promise<void> {
    const { maxRetries, retryDelayMs, log, signal, random } = this.#options;
    if (maxRetries >= 0 && attempt >= maxRetries) {
      this.#health.set(component, { health: 'failed', detail: messageOf(error), retries: attempt });
      throw new LabError(
        'CDC-2020',
        `the ${component} did not answer after ${attempt} retries: ${messageOf(error)}`,
        {
          remedy: REMEDY[component],
          cause: error,
        },
      );
    }
    const retries = attempt + 1;
    this.#health.set(component, {
      health: 'degraded',
      detail: `${messageOf(error)}; retry ${retries}`,
      retries,
    });
    log.warn(`the ${component} does not answer; retrying`, { retries, error: messageOf(error) });
    const base = Math.min(retryDelayMs, 250);
    await sleep(Math.min(retryDelayMs, delayOf(attempt, base, (random ?? Math.random)())), undefined, {
      signal,
    });
  }

  /** The component answered. */
  succeeded(component: Component): void {
    if (this.#health.get(component)?.health === 'ok') return;
    this.#health.set(component, { health: 'ok', detail: 'answers', retries: 0 });
  }

  health(): ComponentHealth[] {
    return [...this.#health].map(([component, { health, detail }]) => ({ component, health, detail }));
  }
}
