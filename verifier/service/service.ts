/**
 * `verifier/service`: verifies again and again, and keeps what was found.
 * In: the verifier's configuration and its checks; requests over HTTP on the loopback address.
 * Out: reports, findings from first sight to healing, metrics, and a notice to a webhook when the verdict changes.
 * Promises: verifications run one at a time, and each answers only requests that came before it began; listeners are
 *   notified before a report is stored, so that a full disk suppresses no notice; findings and reports survive a restart;
 *   a finding that has not healed is never dropped.
 */

import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Check } from '../check.ts';
import type { VerifierConfig } from '../config.ts';
import { type FollowState, KnownTables } from '../incremental/known-tables.ts';
import type { Report } from '../report.ts';
import { lateReport, within } from '../verification/late-report.ts';
import { VerifierMemory } from '../verification/verifier-memory.ts';
import { verify } from '../verification/verify.ts';
import { ChangeWatch, type WatchHandlers, type WatchState } from './change-watch.ts';
import { FindingStore } from './finding-store.ts';
import { History } from './history.ts';
import type { FindingState } from './kept-finding.ts';
import { VerifierMetrics } from './metrics.ts';
import { Turns } from './turns.ts';
import { Webhook } from './webhook.ts';

/** A verification that is requested. */
interface Requested {
  /** Time for the fence, from when the verification begins; without effect if {@link fenceByMs} is set. */
  readonly deadlineMs: number;
  /** The fence must be passed by then, on the clock of `performance.now()`; null: there is no such time. */
  readonly fenceByMs: number | null;
  readonly whole: boolean;
}

/** A report, and until when its verification would have waited for the fence, on the clock of `performance.now()`. */
interface Answer {
  readonly report: Report;
  readonly fenceUntilMs: number;
}

/** What is left to the checks when the fence is given up, so that its answer is still in time. */
const FOR_CHECKS = { mostMs: 500, share: 0.1 };
/** How much later than asked for an answer may come. */
const GRACE_MS = 500;

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
  readonly #known: KnownTables | null;
  readonly #turns = new Turns<Requested, Answer>((request) => this.#next(request), joined);
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
    const { incremental } = config;
    this.#known = incremental === null ? null : new KnownTables(config, incremental);
    if (this.history.last !== undefined) this.metrics.record(this.history.last);
  }

  /** Null if changed rows are not watched. */
  get watch(): WatchState | null {
    return this.#watch?.state ?? null;
  }

  /** Null if every verification compares everything. */
  get following(): FollowState | null {
    return this.#known?.state ?? null;
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
    this.#known?.start();
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
   * Verifies once, when the verification that is under way has ended. Requests that wait for the same share one
   * verification: it begins after each of them, and never has begun before.
   * @param whole Whether to check all rows and the whole ledger, including what an earlier verification found right.
   * @throws if the report could not be stored.
   */
  async verify(deadlineMs = this.#config.deadlineMs, whole = false): Promise<Report> {
    return await this.#ask({ deadlineMs, fenceByMs: null, whole });
  }

  /**
   * As {@link verify}, but answers within that time, whatever there is to wait for. If the verification has not ended by
   * then, the answer is INCONCLUSIVE; the verification goes on, and its report is kept.
   */
  async verifyWithin(withinMs: number, whole = false): Promise<Report> {
    const askedMs = performance.now();
    let begunMs: number | null = null;
    const reserveMs = Math.min(FOR_CHECKS.mostMs, withinMs * FOR_CHECKS.share);
    const request = { deadlineMs: 0, fenceByMs: askedMs + withinMs - reserveMs, whole };
    const run = this.#ask(request, () => {
      begunMs = performance.now();
    });
    return await within(run, withinMs + GRACE_MS, () =>
      lateReport(withinMs, this.#whyLate(askedMs, begunMs)),
    );
  }

  /**
   * Takes a turn, and another one if the fence was given up early, because a request that shared the turn had less time.
   */
  async #ask(request: Requested, onBegin: () => void = () => undefined): Promise<Report> {
    let untilMs = request.fenceByMs;
    for (let next = request; ; ) {
      const { report, fenceUntilMs } = await this.#turns.ask(next, () => {
        untilMs ??= performance.now() + request.deadlineMs;
        onBegin();
      });
      const leftMs = (untilMs ?? 0) - performance.now();
      const isOpen = report.verdict === 'SYNC_IN_PROGRESS' || report.verdict === 'INCONCLUSIVE';
      const isCut = isOpen && untilMs !== null && fenceUntilMs < untilMs && leftMs > 0;
      if (!isCut || this.#stop.signal.aborted) return report;
      next = { ...request, deadlineMs: request.fenceByMs === null ? Math.ceil(leftMs) : 0 };
    }
  }

  #whyLate(askedMs: number, begunMs: number | null): string {
    const lastMs = this.history.last?.durationMs ?? 0;
    const neededMs = 2 * Math.max(lastMs, performance.now() - askedMs);
    const next = `ask again with a longer deadline, such as ${Math.ceil(neededMs / 5_000) * 5} s`;
    const last = lastMs === 0 ? '' : `, and the last one took ${(lastMs / 1000).toFixed(1)} s`;
    if (begunMs === null) return `the verification that had begun before has not ended${last}; ${next}`;
    const sinceMs = performance.now() - begunMs;
    return `the verification has been under way for ${(sinceMs / 1000).toFixed(1)} s${last}; ${next}`;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stop.abort(new Error('the verifier was stopped'));
    await this.#watch?.stop();
    await this.#known?.stop();
    await this.#webhook?.stop();
    await this.#turns.idle();
  }

  async #next({ deadlineMs, fenceByMs, whole }: Requested): Promise<Answer> {
    this.#isHurried = false;
    if (whole) {
      this.#memory.ledger.forget();
      this.#known?.forget();
    }
    const nowMs = performance.now();
    // Nobody waits any more, but the report is kept and may be told: a fence without time would make it INCONCLUSIVE.
    const isTooLate = fenceByMs !== null && fenceByMs <= nowMs;
    const untilMs = fenceByMs ?? nowMs + deadlineMs;
    const fenceUntilMs = isTooLate ? nowMs + this.#config.deadlineMs : untilMs;
    const report = await this.#verify(Math.max(0, Math.round(fenceUntilMs - nowMs)));
    return { report, fenceUntilMs };
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
        known: this.#known ?? undefined,
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

/**
 * One verification for two requests: it gives up the fence early enough for each that must be answered by some time; if
 * neither must, it waits as long as either of them would.
 */
function joined(one: Requested, other: Requested): Requested {
  const fenceByMs =
    one.fenceByMs === null || other.fenceByMs === null
      ? (one.fenceByMs ?? other.fenceByMs)
      : Math.min(one.fenceByMs, other.fenceByMs);
  const deadlineMs = Math.max(one.deadlineMs, other.deadlineMs);
  return { deadlineMs, fenceByMs, whole: one.whole || other.whole };
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
