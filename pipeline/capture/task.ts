import type { Task, TaskContext } from '../contract/connector.ts';
import type { LostPart } from '../contract/envelope.ts';
import { LabError } from '../contract/errors.ts';
import type { ComponentHealth } from '../contract/health.ts';
import { sleep } from '../contract/wake.ts';
import type { SourceConfig } from './config/source-config.ts';
import { explain, finalError, isTransient, sqlState } from './failure.ts';
import { lossReporter } from './losses.ts';
import { isKafkaError } from './publish/kafka-clients.ts';
import { type Parts, Session } from './session.ts';
import { explainStream, isDamagedText } from './source/damaged-text.ts';
import { Gate } from './source/gate.ts';

/**
 * The source connector's only task. An attempt that fails for a transient reason (the database or a broker is down) is
 * retried from the stored position, with growing pauses; the task stays RUNNING and its health says why. Any other
 * failure stops it.
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
  readonly #onLoss: (lost: LostPart) => void;

  constructor(config: SourceConfig, context: TaskContext, parts: Parts) {
    this.#config = config;
    this.#context = context;
    this.#parts = parts;
    this.#snapshotAgain = config.snapshot.mode === 'always';
    this.#onLoss = lossReporter(context.log, context.metrics);
    this.done = this.#run();
    // The worker awaits it later; until then a failure must not count as unhandled.
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
    // The failure is reported by `done`.
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
      onLoss: this.#onLoss,
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

  /** Waits before the next attempt. @throws if there is none. */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { max, initialMs, maxMs } = this.#config.retries;
    const reason = signal.aborted
      ? explain(error, this.#config.database.user)
      : await this.#explain(error, signal);
    if (signal.aborted) {
      this.#context.log.warn('The task was stopped while it failed.', { error: reason.message });
      return;
    }
    this.#lastError = reason;
    this.#failures++;
    const final = this.#slotHeld(reason) ?? (isTransient(reason) ? undefined : reason);
    if (final !== undefined || (max >= 0 && this.#failures > max)) {
      this.#failed = true;
      this.#lastError = finalError(final ?? reason, this.#failures);
      this.#context.metrics.count('error', '*', 1);
      throw this.#lastError;
    }
    const waitMs = backOffMs(this.#failures, initialMs, maxMs);
    this.#context.log.warn('The task will retry.', {
      error: reason.message,
      failures: this.#failures,
      waitMs,
    });
    await sleep(waitMs, signal);
  }

  /** The session has ended by now, so the slot is free. */
  async #explain(error: unknown, signal: AbortSignal): Promise<Error> {
    if (!(error instanceof LabError) && error instanceof Error && isDamagedText(error)) {
      return await explainStream(error, this.#config, this.#parts.decodeBytes, signal);
    }
    return explain(error, this.#config.database.user);
  }

  /**
   * A slot may stay active for a while after its last reader died, until PostgreSQL notices. If it stays active for
   * `slot.max.retries` times `slot.retry.delay.ms`, another client is reading it.
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
        remedy: 'Another connector or worker is reading it: stop that one, or choose another slot.name.',
      },
    );
  }
}

/** The peer that an error came from. */
function componentOf(error: Error): string {
  if (isKafkaError(error) || isKafkaError(error.cause)) return 'broker';
  return error instanceof LabError && !error.code.startsWith('CDC-12') ? 'replication-stream' : 'database';
}

/** The pause after this many failures: it doubles with each, up to a bound. */
export function backOffMs(failures: number, initialMs: number, maxMs: number): number {
  return Math.min(maxMs, initialMs * 2 ** Math.min(failures - 1, 20));
}
