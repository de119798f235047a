/**
 * `verifier/service`: verifies again and again, and keeps what was found.
 * In: the verifier's configuration and its checks; requests over HTTP on the loopback address.
 * Out: reports, findings from first sight to healing, metrics, and a notice to a webhook when the verdict changes.
 * Promises: verifications run one at a time; listeners are notified before a report is stored, so that a full disk
 *   suppresses no notice; findings and reports survive a restart; a finding that has not healed is never dropped.
 */

import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Check } from '../check.ts';
import type { VerifierConfig } from '../config.ts';
import type { Report } from '../report.ts';
import { VerifierMemory } from '../verification/verifier-memory.ts';
import { verify } from '../verification/verify.ts';
import { ChangeWatch, type WatchHandlers, type WatchState } from './change-watch.ts';
import { FindingStore } from './finding-store.ts';
import { History } from './history.ts';
import type { FindingState } from './kept-finding.ts';
import { VerifierMetrics } from './metrics.ts';
import { Webhook } from './webhook.ts';

/** Runs verifications one after another, on request and at an interval, and keeps each report. */
export class VerifierService {
  readonly history: History;
  readonly metrics = new VerifierMetrics();
  readonly #config: VerifierConfig;
  readonly #checks: readonly Check[];
  readonly #memory: VerifierMemory;
  readonly #stop = new AbortController();
  readonly findings: FindingStore;
  readonly #webhook: Webhook | null;
  readonly #watch: ChangeWatch | null;
  #queue: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #running = 0;
  /** A full verification was requested because of a change, and has not begun. */
  #isHurried = false;

  constructor(config: VerifierConfig, checks: readonly Check[]) {
    this.#config = config;
    this.#checks = checks;
    this.#memory = new VerifierMemory(config.stateDir);
    this.history = new History(config.stateDir, config.historyReports);
    const { keepDays, keep } = config.findings;
    this.findings = new FindingStore(config.stateDir, { keepMs: keepDays * 86_400_000, keep });
    this.#webhook = config.webhook === null ? null : new Webhook(config.webhook, config.stateDir);
    this.#watch = config.adaptive === null ? null : new ChangeWatch(config, this.#onChange());
    if (this.history.last !== undefined) this.metrics.record(this.history.last);
  }

  /** Null if changed rows are not watched. */
  get watch(): WatchState | null {
    return this.#watch?.state ?? null;
  }

  /** Updates the metrics that do not come from a report. */
  measure(): void {
    const count = (state: FindingState) => this.findings.count(state);
    this.metrics.service({
      findings: { open: count('open'), confirmed: count('confirmed'), healed: count('healed') },
      webhook: this.#webhook?.counts ?? null,
      watchedKeys: this.#watch?.state.keys ?? 0,
    });
  }

  get running(): boolean {
    return this.#running > 0;
  }

  /** Starts the interval and the watch, if they are configured. */
  start(): void {
    this.#watch?.start();
    this.#schedule();
  }

  /** Schedules the next verification, see {@link pauseAfter}. Its deadline is the interval, if that is shorter. */
  #schedule(): void {
    const { everyMs, deadlineMs, adaptive } = this.#config;
    if (everyMs === null || this.#stop.signal.aborted) return;
    const pauseMs = pauseAfter(this.history.last?.durationMs ?? 0, everyMs, adaptive?.share ?? 1);
    this.#timer = setTimeout(() => {
      this.verify(Math.min(deadlineMs, Math.max(everyMs, 5_000)))
        .catch(logFailure)
        .finally(() => this.#schedule());
    }, pauseMs);
  }

  /** Records wrong rows that were just written at once. The full verification confirms them and names the hop. */
  #onChange(): WatchHandlers {
    return {
      onWrong: (findings) => {
        this.findings.seen({ at: new Date().toISOString(), findings });
        this.#hurry();
      },
      onGap: () => this.#hurry(),
    };
  }

  #hurry(): void {
    if (this.#isHurried || this.#stop.signal.aborted) return;
    this.#isHurried = true;
    this.verify().catch(logFailure);
  }

  /**
   * Verifies once, after the verifications that were requested before.
   * @param whole Whether to check the whole ledger again, including what an earlier verification found right.
   * @throws if the report could not be stored.
   */
  async verify(deadlineMs = this.#config.deadlineMs, whole = false): Promise<Report> {
    const run = this.#queue.then(() => {
      this.#isHurried = false;
      if (whole) this.#memory.ledger.forget();
      return this.#verify(deadlineMs);
    });
    this.#queue = run.catch(() => undefined);
    return await run;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stop.abort(new Error('the verifier was stopped'));
    await this.#watch?.stop();
    await this.#webhook?.stop();
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
      // Notify before storing: a full disk must not suppress an alert.
      this.metrics.record(report);
      this.#webhook?.notify(report);
      this.history.add(report);
      this.findings.note(report);
      return report;
    } finally {
      this.#running--;
    }
  }
}

/** Logs the failure of a verification that no caller waits for. */
function logFailure(error: unknown): void {
  process.stderr.write(`the report could not be stored: ${messageOf(error)}\n`);
}

/**
 * The pause between two full verifications: at least `everyMs`, and long enough that verifications take no more than
 * `share` of the time, if they all take `lastMs`.
 */
export function pauseAfter(lastMs: number, everyMs: number, share: number): number {
  return Math.max(everyMs, lastMs * (1 / share - 1));
}
