import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../pipeline/contract/errors.ts';
import { reasonOf } from './connection/http.ts';
import { withSecrets } from './connection/secret.ts';
import type { Report } from './report.ts';
import { VERDICTS, type Verdict } from './verdict.ts';

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
  #latest: Report | null = null;
  #running: Promise<void> | null = null;
  readonly counts = { sent: 0, failed: 0 };

  /** @throws LabError CDC-4001 where the environment lacks what the configuration names. */
  constructor(
    options: WebhookOptions,
    stateDir: string,
    log: (line: string) => void = (line) => void process.stderr.write(`${line}\n`),
  ) {
    const headers = Object.entries(options.headers).map(
      ([name, value]) => [name, withSecrets(value, 'The webhook')] as const,
    );
    this.#options = {
      ...options,
      url: withSecrets(options.url, 'The webhook'),
      headers: Object.fromEntries(headers),
    };
    this.#path = join(stateDir, 'webhook.json');
    this.#log = log;
    this.#told = readTold(this.#path);
  }

  notify(report: Report): void {
    this.#latest = report;
    this.#running ??= this.#run().finally(() => {
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
    writeFileSync(`${this.#path}.next`, `${JSON.stringify({ told: verdict })}\n`);
    renameSync(`${this.#path}.next`, this.#path);
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
      // The code alone: a message may have the address in it.
      const cause = reasonOf(error);
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : messageOf(cause);
      return { text: code.includes('://') ? 'no answer' : code, isFinal: false };
    }
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
