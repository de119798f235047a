import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import { reasonOf } from '../connection/http.ts';
import { withSecrets } from '../connection/secret.ts';
import type { Report } from '../report.ts';
import { VERDICTS, type Verdict } from '../verdict.ts';

export interface WebhookOptions {
  /** May hold `${env:NAME}`, as the headers may: a secret stands in no file. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly attempts: number;
  readonly firstRetryMs: number;
  readonly timeoutMs: number;
}

/** What is sent: no row's values, as in the report itself. */
export interface Notice {
  readonly schemaVersion: 1;
  readonly at: string;
  /** Null: nothing was told before. */
  readonly from: Verdict | null;
  readonly to: Verdict;
  readonly findings: Report['findings'];
}

const LONGEST_RETRY_MS = 30_000;
const FINDINGS = 20;

/**
 * Tells a receiver when the verdict changes: against what it was told last, which is kept on disk. So what it missed
 * while it was down is made up for by the next report, and never more than one notice waits. A verdict of
 * SYNC_IN_PROGRESS says nothing yet and is not told; nor is a first PASS.
 */
export class Webhook {
  readonly #options: WebhookOptions;
  readonly #path: string;
  readonly #log: (line: string) => void;
  readonly #stop = new AbortController();
  #told: Verdict | null;
  /** What of that is on disk. */
  #stored: Verdict | null;
  #latest: Report | null = null;
  #running: Promise<void> | null = null;
  readonly counts = { sent: 0, failed: 0 };

  /**
   * @throws LabError CDC-4001 where the environment lacks what the configuration names, or has what no request can be
   * made of; what it has is not told.
   */
  constructor(
    options: WebhookOptions,
    stateDir: string,
    log: (line: string) => void = (line) => void process.stderr.write(`${line}\n`),
  ) {
    const headers = Object.entries(options.headers).map(
      ([name, value]) => [name, headerOf(name, withSecrets(value, 'The webhook'))] as const,
    );
    this.#options = {
      ...options,
      url: addressOf(withSecrets(options.url, 'The webhook')),
      headers: Object.fromEntries(headers),
    };
    this.#path = join(stateDir, 'webhook.json');
    this.#log = log;
    this.#told = readTold(this.#path);
    this.#stored = this.#told;
  }

  /** Never throws, nor rejects later: what goes wrong is logged, and the next report is told again. */
  notify(report: Report): void {
    this.#latest = report;
    this.#running ??= this.#run()
      .catch((error: unknown) => this.#log(`webhook: ${tellable(error)}`))
      .finally(() => {
        this.#running = null;
      });
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the verifier was stopped'));
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#store();
    for (;;) {
      const report = this.#latest;
      if (report === null || !this.#isNews(report.verdict)) return;
      if (!(await this.#deliver(report))) return;
      this.#remember(report.verdict);
    }
  }

  #isNews(verdict: Verdict): boolean {
    if (verdict === 'SYNC_IN_PROGRESS' || verdict === this.#told) return false;
    if (this.#told !== null || verdict !== 'PASS') return true;
    this.#remember('PASS');
    return false;
  }

  #remember(verdict: Verdict): void {
    this.#told = verdict;
    this.#store();
  }

  /** A disk that takes nothing keeps no notice back; what was told is written down when it takes something again. */
  #store(): void {
    if (this.#told === this.#stored) return;
    try {
      writeFileSync(`${this.#path}.next`, `${JSON.stringify({ told: this.#told })}\n`);
      renameSync(`${this.#path}.next`, this.#path);
      this.#stored = this.#told;
    } catch (error) {
      this.#log(`webhook: what was told last is not on disk: ${messageOf(error)}`);
    }
  }

  async #deliver(report: Report): Promise<boolean> {
    const { attempts, firstRetryMs } = this.#options;
    let waitMs = firstRetryMs;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const problem = await this.#attempt(report);
      if (problem === null) {
        this.counts.sent++;
        return true;
      }
      if (this.#stop.signal.aborted) return false;
      const { host } = new URL(this.#options.url);
      this.#log(`webhook to ${host}: ${problem.text}, attempt ${attempt} of ${attempts}`);
      if (problem.isFinal || attempt === attempts) break;
      await sleep(waitMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return false;
      waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS);
    }
    this.counts.failed++;
    return false;
  }

  /** Null where the receiver took it. Neither the address's path nor a header is ever told: they may hold a secret. */
  async #attempt(report: Report): Promise<{ text: string; isFinal: boolean } | null> {
    const { url, headers, timeoutMs } = this.#options;
    const { at, verdict, findings } = report;
    const notice: Notice = {
      ...{ schemaVersion: 1, at, from: this.#told, to: verdict },
      findings: findings.slice(0, FINDINGS),
    };
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(notice),
        redirect: 'error',
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body?.cancel();
      if (response.ok) return null;
      const { status } = response;
      const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429;
      return { text: `it answered ${status}`, isFinal };
    } catch (error) {
      return { text: tellable(error), isFinal: false };
    }
  }
}

/** The code or the name alone: a message may have the address in it, or a header. */
function tellable(error: unknown): string {
  const cause = reasonOf(error);
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.name : 'no answer';
}

/** The address as it was given, where a request can be made of it. */
function addressOf(url: string): string {
  const parsed = URL.parse(url);
  const isFit = parsed !== null && /^https?:$/.test(parsed.protocol);
  if (isFit && parsed.username === '' && parsed.password === '') return url;
  throw new LabError('CDC-4001', "The webhook's address is no http:// or https:// URL without a login.", {
    remedy: 'Correct webhook.url or what it refers to; a login stands in a header.',
  });
}

/** The value as it was given, where it may stand in a header. */
function headerOf(name: string, value: string): string {
  try {
    new Headers([[name, value]]);
    return value;
  } catch {
    // Without its cause, whose message has the value in it.
    throw new LabError('CDC-4001', `The webhook's header ${JSON.stringify(name)} cannot be sent.`, {
      remedy: 'Correct webhook.headers or what it refers to: a header is one line.',
    });
  }
}

function readTold(path: string): Verdict | null {
  if (!existsSync(path)) return null;
  try {
    const { told }: { told?: unknown } = JSON.parse(readFileSync(path, 'utf8'));
    return VERDICTS.find((verdict) => verdict === told) ?? null;
  } catch {
    // Torn by a kill: the receiver is told once more.
    return null;
  }
}
