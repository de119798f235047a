import type { Check } from './check.ts';
import type { VerifierConfig } from './config.ts';
import { History } from './history.ts';
import { Memory } from './memory.ts';
import { VerifierMetrics } from './metrics.ts';
import type { Report } from './report.ts';
import { verify } from './verify.ts';

/** Verifications one after another, on request and by interval; each report is kept. */
export class VerifierService {
  readonly history: History;
  readonly metrics = new VerifierMetrics();
  readonly #config: VerifierConfig;
  readonly #checks: readonly Check[];
  readonly #memory = new Memory();
  readonly #stop = new AbortController();
  #queue: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #running = 0;

  constructor(config: VerifierConfig, checks: readonly Check[]) {
    this.#config = config;
    this.#checks = checks;
    this.history = new History(config.stateDir, config.historyReports);
    if (this.history.last !== undefined) this.metrics.record(this.history.last);
  }

  get running(): boolean {
    return this.#running > 0;
  }

  /** Starts the interval, where one is configured. The next verification begins that long after the last ended. */
  start(): void {
    const { everyMs, deadlineMs } = this.#config;
    if (everyMs === null || this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.verify(Math.min(deadlineMs, Math.max(everyMs, 5_000)))
        .catch(() => undefined)
        .finally(() => this.start());
    }, everyMs);
  }

  /**
   * Runs after those that are already asked for.
   * @param whole Also what an earlier verification has found right is looked at again.
   * @throws where the report could not be stored.
   */
  async verify(deadlineMs = this.#config.deadlineMs, whole = false): Promise<Report> {
    const run = this.#queue.then(() => {
      if (whole) this.#memory.ledger.forget();
      return this.#verify(deadlineMs);
    });
    this.#queue = run.catch(() => undefined);
    return await run;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stop.abort(new Error('the verifier was stopped'));
    await this.#queue;
  }

  async #verify(deadlineMs: number): Promise<Report> {
    this.#running++;
    try {
      const report = await verify({
        config: this.#config,
        checks: this.#checks,
        deadlineMs,
        signal: this.#stop.signal,
        memory: this.#memory,
      });
      this.history.add(report);
      this.metrics.record(report);
      return report;
    } finally {
      this.#running--;
    }
  }
}
