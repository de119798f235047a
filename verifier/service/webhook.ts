import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Report } from '../report.ts';
import { VERDICTS, type Verdict } from '../verdict.ts';
import { type Notice, nameOf, WebhookDelivery, type WebhookOptions } from './webhook-delivery.ts';

/** The most findings that one notice contains. */
const FINDINGS = 20;

/**
 * Notifies a receiver when the verdict differs from the one that it was notified of last, which is kept on disk. So the
 * next report makes up for a notice that the receiver missed, and no more than one notice is pending. SYNC_IN_PROGRESS
 * is not yet a result and is never sent; neither is a first PASS.
 */
export class Webhook {
  readonly #delivery: WebhookDelivery;
  readonly #path: string;
  readonly #log: (line: string) => void;
  readonly #stop = new AbortController();
  /** The verdict that the receiver knows. */
  #notified: Verdict | null;
  /** The same, as far as it is on disk. */
  #stored: Verdict | null;
  #latest: Report | null = null;
  #running: Promise<void> | null = null;

  /** @throws LabError CDC-4001 for an address or header that cannot be used, see {@link WebhookDelivery}. */
  constructor(
    options: WebhookOptions,
    stateDir: string,
    log: (line: string) => void = (line) => void process.stderr.write(`${line}\n`),
  ) {
    this.#delivery = new WebhookDelivery(options, log, this.#stop.signal);
    this.#path = join(stateDir, 'webhook.json');
    this.#log = log;
    this.#notified = readNotified(this.#path);
    this.#stored = this.#notified;
  }

  get counts(): { readonly sent: number; readonly failed: number } {
    return this.#delivery.counts;
  }

  /** Never throws and never rejects: a failure is logged, and the next report is sent instead. */
  notify(report: Report): void {
    this.#latest = report;
    this.#running ??= this.#run()
      .catch((error: unknown) => this.#log(`webhook: ${nameOf(error)}`))
      .finally(() => {
        this.#running = null;
      });
  }

  /** Resolves when nothing is in flight. */
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
      if (!(await this.#delivery.deliver(this.#noticeOf(report)))) return;
      this.#remember(report.verdict);
    }
  }

  #isNews(verdict: Verdict): boolean {
    if (verdict === 'SYNC_IN_PROGRESS' || verdict === this.#notified) return false;
    if (this.#notified !== null || verdict !== 'PASS') return true;
    this.#remember('PASS');
    return false;
  }

  #noticeOf({ at, verdict, findings }: Report): Notice {
    return { schemaVersion: 1, at, from: this.#notified, to: verdict, findings: findings.slice(0, FINDINGS) };
  }

  #remember(verdict: Verdict): void {
    this.#notified = verdict;
    this.#store();
  }

  /** A full disk delays no notice: the verdict is stored once the disk accepts it again. */
  #store(): void {
    if (this.#notified === this.#stored) return;
    try {
      writeFileSync(`${this.#path}.next`, `${JSON.stringify({ told: this.#notified })}\n`);
      renameSync(`${this.#path}.next`, this.#path);
      this.#stored = this.#notified;
    } catch (error) {
      this.#log(`webhook: the last notified verdict could not be stored: ${messageOf(error)}`);
    }
  }
}

function readNotified(path: string): Verdict | null {
  if (!existsSync(path)) return null;
  try {
    const { told }: { told?: unknown } = JSON.parse(readFileSync(path, 'utf8'));
    return VERDICTS.find((verdict) => verdict === told) ?? null;
  } catch {
    // The file was torn by a kill: the receiver is notified once more.
    return null;
  }
}
