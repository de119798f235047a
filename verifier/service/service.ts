import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Check } from '../check.ts';
import type { VerifierConfig } from '../config.ts';
import type { Report } from '../report.ts';
import { VerifierMemory } from '../verification/verifier-memory.ts';
import { verify } from '../verification/verify.ts';
import { ChangeWatch, type WatchHandlers, type WatchState } from './change-watch.ts';
import { type FindingState, FindingStore } from './finding-store.ts';
import { History } from './history.ts';
import { VerifierMetrics } from './metrics.ts';
import { Webhook } from './webhook.ts';

/** Verifications one after another, on request and by interval; each report is kept. */
export class VerifierService {
  readonly history: History;
  readonly metrics = new VerifierMetrics();
  readonly #config: VerifierConfig;
  readonly #checks: readonly Check[];
  readonly #memory = new VerifierMemory();
  readonly #stop = new AbortController();
  readonly findings: FindingStore;
  readonly #webhook: Webhook | null;
  readonly #watch: ChangeWatch | null;
  #queue: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #running = 0;
  /** A full verification is asked for that has not begun. */
  #hurried = false;

  constructor(config: VerifierConfig, checks: readonly Check[]) {
    this.#config = config;
    this.#checks = checks;
    this.history = new History(config.stateDir, config.historyReports);
    const { keepDays, keep } = config.findings;
    this.findings = new FindingStore(config.stateDir, { keepMs: keepDays * 86_400_000, keep });
    this.#webhook = config.webhook === null ? null : new Webhook(config.webhook, config.stateDir);
    this.#watch = config.adaptive === null ? null : new ChangeWatch(config, this.#onChange());
    if (this.history.last !== undefined) this.metrics.record(this.history.last);
  }

  /** Null where changed rows are not watched. */
  get watch(): WatchState | null {
    return this.#watch?.state ?? null;
  }

  /** Brings what lives longer than a report into the metrics. */
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

  /** Starts the interval and the watch, where these are configured. */
  start(): void {
    this.#watch?.start();
    this.#schedule();
  }

  /** The next verification begins so long after the last ended; later where it may take no more than its share. */
  #schedule(): void {
    const { everyMs, deadlineMs, adaptive } = this.#config;
    if (everyMs === null || this.#stop.signal.aborted) return;
    const pauseMs = pauseAfter(this.history.last?.durationMs ?? 0, everyMs, adaptive?.share ?? 1);
    this.#timer = setTimeout(() => {
      this.verify(Math.min(deadlineMs, Math.max(everyMs, 5_000)))
        .catch(tell)
        .finally(() => this.#schedule());
    }, pauseMs);
  }

  /** What was just written and is wrong is on record at once; the full verification confirms it and names the hop. */
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
    if (this.#hurried || this.#stop.signal.aborted) return;
    this.#hurried = true;
    this.verify().catch(tell);
  }

  /**
   * Runs after those that are already asked for.
   * @param whole Also what an earlier verification has found right is looked at again.
   * @throws where the report could not be stored.
   */
  async verify(deadlineMs = this.#config.deadlineMs, whole = false): Promise<Report> {
    const run = this.#queue.then(() => {
      this.#hurried = false;
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
      // First who listens: a disk that is full keeps nobody from hearing of it.
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

/** Nobody waits for the answer of what was not asked for. */
function tell(error: unknown): void {
  process.stderr.write(`the report could not be stored: ${messageOf(error)}\n`);
}

/** Between two full verifications: at least `everyMs`, and so long that they take no more than their share of the time. */
export function pauseAfter(lastMs: number, everyMs: number, share: number): number {
  return Math.max(everyMs, lastMs * (1 / share - 1));
}
