import type { ComponentHealth, Task, TaskContext } from '../contract/connector.ts';
import { LabError } from '../contract/errors.ts';
import { sleep } from '../contract/wake.ts';
import type { SourceConfig } from './config/source-config.ts';
import { explain, isTransient, sqlState } from './failure.ts';
import { isKafkaError } from './publish/kafka-clients.ts';
import { type Parts, Session } from './session.ts';
import { Gate } from './source/gate.ts';

/**
 * The source connector's one task. An attempt that fails for a passing reason (a database or broker that is
 * away) is followed by another from the stored position, with growing pauses; the task stays RUNNING, its
 * health says why. Anything else is a loud stop.
 */
export class SourceTask implements Task {
  readonly done: Promise<void>;
  readonly #config: SourceConfig;
  readonly #context: TaskContext;
  readonly #parts: Parts;
  readonly #gate = new Gate();
  readonly #stopping = new AbortController();
  #session: Session | undefined;
  #failures = 0;
  #lastError: Error | undefined;
  #failed = false;
  #slotBusySinceMs: number | undefined;
  #snapshotAgain: boolean;

  constructor(config: SourceConfig, context: TaskContext, parts: Parts) {
    this.#config = config;
    this.#context = context;
    this.#parts = parts;
    this.#snapshotAgain = config.snapshot.mode === 'always';
    this.done = this.#run();
    // The worker looks at it when it gets to it; until then it must not count as unhandled.
    this.done.catch(() => {});
  }

  async pause(): Promise<void> {
    this.#gate.hold('paused');
  }

  async resume(): Promise<void> {
    this.#gate.release('paused');
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    // What it failed with is told by `done`.
    await this.done.catch(() => {});
  }

  health(): readonly ComponentHealth[] {
    if (this.#lastError !== undefined) {
      const health = this.#failed ? 'failed' : 'degraded';
      return [{ component: componentOf(this.#lastError), health, detail: this.#lastError.message }];
    }
    return this.#session?.health() ?? [];
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#attempt(signal);
      } catch (error) {
        await this.#recover(error, signal);
      }
    }
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const session = new Session({
      ...this.#parts,
      config: this.#config,
      context: this.#context,
      gate: this.#gate,
      snapshotAgain: this.#snapshotAgain,
      onProgress: () => {
        this.#failures = 0;
        this.#lastError = undefined;
      },
      onPrepared: () => {
        this.#snapshotAgain = false;
        this.#lastError = undefined;
      },
    });
    this.#session = session;
    await session.run(signal);
  }

  /** Waits before the next attempt. @throws where there is to be none. */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { max, initialMs, maxMs } = this.#config.retries;
    const reason = explain(error);
    if (signal.aborted) {
      this.#context.log.warn('The task stopped in the middle of a failure.', { error: reason.message });
      return;
    }
    this.#lastError = reason;
    this.#failures++;
    const final = this.#slotHeld(reason) ?? (isTransient(reason) ? undefined : reason);
    if (final !== undefined || (max >= 0 && this.#failures > max)) {
      this.#failed = true;
      this.#lastError = final ?? reason;
      this.#context.metrics.count('error', '*', 1);
      throw this.#lastError;
    }
    const waitMs = backOffMs(this.#failures, initialMs, maxMs);
    this.#context.log.warn('The task will try again.', {
      error: reason.message,
      failures: this.#failures,
      waitMs,
    });
    await sleep(waitMs, signal);
  }

  /**
   * A slot may stay busy for a while after its last reader died: PostgreSQL has to notice. If it stays so for
   * `slot.max.retries` times `slot.retry.delay.ms`, somebody else is alive on it.
   */
  #slotHeld(reason: Error): LabError | undefined {
    if (sqlState(reason) !== '55006') {
      this.#slotBusySinceMs = undefined;
      return undefined;
    }
    const { slot, slotMaxRetries, slotRetryDelayMs } = this.#config;
    this.#slotBusySinceMs ??= Date.now();
    if (Date.now() - this.#slotBusySinceMs < slotMaxRetries * slotRetryDelayMs) return undefined;
    return new LabError(
      'CDC-1011',
      `Slot "${slot.name}" is in use by another connection: ${reason.message}.`,
      {
        cause: reason,
        remedy: 'Another connector or worker reads it: stop that one, or choose another slot.name.',
      },
    );
  }
}

/** The peer that an error came from. */
function componentOf(error: Error): string {
  if (isKafkaError(error) || isKafkaError(error.cause)) return 'broker';
  return error instanceof LabError ? 'replication-stream' : 'database';
}

/** Doubles with every failure, up to a bound. */
export function backOffMs(failures: number, initialMs: number, maxMs: number): number {
  return Math.min(maxMs, initialMs * 2 ** Math.min(failures - 1, 20));
}
