import { setTimeout as sleep } from 'node:timers/promises';
import type { ComponentHealth, Health, Logger } from '../../contract/connector.ts';
import { LabError, messageOf } from '../../contract/errors.ts';

type Component = 'database' | 'broker';
const REMEDY: Readonly<Record<Component, string>> = {
  database: 'Check that the sink database is up and that connection.url, username and password are right.',
  broker: 'Check that the broker is up and reachable.',
};
const MAX_DELAY_MS = 5_000;

export interface BackoffOptions {
  /** -1: for as long as it takes. */
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Injectable: uniform in [0, 1). */
  readonly random?: () => number;
}

/** Milliseconds before the attempt after `attempt` failures: doubling, bounded, half of it at random. */
export function delayOf(attempt: number, baseMs: number, random: number): number {
  const ceiling = Math.min(MAX_DELAY_MS, baseMs * 2 ** Math.min(attempt, 12));
  return ceiling / 2 + (ceiling / 2) * random;
}

/** Waits between attempts, and remembers what is wrong meanwhile, so that health can tell. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #health = new Map<Component, { health: Health; detail: string; retries: number }>();

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** @throws LabError where the retries are used up; the signal's reason when the task stops. */
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
    log.warn(`the ${component} does not answer; waiting`, { retries, error: messageOf(error) });
    const base = Math.min(retryDelayMs, 250);
    await sleep(Math.min(retryDelayMs, delayOf(attempt, base, (random ?? Math.random)())), undefined, {
      signal,
    });
  }

  succeeded(component: Component): void {
    if (this.#health.get(component)?.health === 'ok') return;
    this.#health.set(component, { health: 'ok', detail: 'answers', retries: 0 });
  }

  health(): ComponentHealth[] {
    return [...this.#health].map(([component, { health, detail }]) => ({ component, health, detail }));
  }
}
