import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../../pipeline/contract/errors.ts';
import { reasonOf } from '../connection/http.ts';
import { withSecrets } from '../connection/secret.ts';
import type { Report } from '../report.ts';
import type { Verdict } from '../verdict.ts';

export interface WebhookOptions {
  /** May contain `${env:NAME}`, as the headers may, so that no secret is in the file. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly attempts: number;
  readonly firstRetryMs: number;
  readonly timeoutMs: number;
}

/** What is sent. Like the report, it contains no values of rows. */
export interface Notice {
  readonly schemaVersion: 1;
  readonly at: string;
  /** The verdict of the notice before; null if there was none. */
  readonly from: Verdict | null;
  readonly to: Verdict;
  readonly findings: Report['findings'];
}

/** Why an attempt failed. */
interface Failure {
  readonly text: string;
  /** A retry would fail in the same way. */
  readonly isFinal: boolean;
}

const LONGEST_RETRY_MS = 30_000;

/** Posts notices to the receiver, with retries. Logs neither the address's path nor a header: they may hold a secret. */
export class WebhookDelivery {
  readonly #options: WebhookOptions;
  readonly #log: (line: string) => void;
  readonly #signal: AbortSignal;
  readonly counts = { sent: 0, failed: 0 };

  /**
   * @throws LabError CDC-4001 if the environment lacks a variable that the configuration names, or its value does not make
   *   a valid request. The error does not contain the value.
   */
  constructor(options: WebhookOptions, log: (line: string) => void, signal: AbortSignal) {
    const headers = Object.entries(options.headers).map(
      ([name, value]) => [name, validHeader(name, withSecrets(value, 'The webhook'))] as const,
    );
    const url = validUrl(withSecrets(options.url, 'The webhook'));
    this.#options = { ...options, url, headers: Object.fromEntries(headers) };
    this.#log = log;
    this.#signal = signal;
  }

  /** @returns whether the receiver accepted it. */
  async deliver(notice: Notice): Promise<boolean> {
    const { attempts, firstRetryMs } = this.#options;
    let waitMs = firstRetryMs;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const failure = await this.#attempt(notice);
      if (failure === null) {
        this.counts.sent++;
        return true;
      }
      if (this.#signal.aborted) return false;
      const { host } = new URL(this.#options.url);
      this.#log(`webhook to ${host}: ${failure.text}, attempt ${attempt} of ${attempts}`);
      if (failure.isFinal || attempt === attempts) break;
      await sleep(waitMs, undefined, { signal: this.#signal }).catch(() => undefined);
      if (this.#signal.aborted) return false;
      waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS);
    }
    this.counts.failed++;
    return false;
  }

  /** @returns null if the receiver accepted it. */
  async #attempt(notice: Notice): Promise<Failure | null> {
    const { url, headers, timeoutMs } = this.#options;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(notice),
        redirect: 'error',
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body?.cancel();
      if (response.ok) return null;
      const { status } = response;
      // A request time-out (408) and too many requests (429) may pass; the other 4xx do not.
      const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429;
      return { text: `it answered ${status}`, isFinal };
    } catch (error) {
      return { text: nameOf(error), isFinal: false };
    }
  }
}

/** The error's code or name only: its message may contain the address or a header. */
export function nameOf(error: unknown): string {
  const cause = reasonOf(error);
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.name : 'no answer';
}

/** The address itself, if a request can be made with it. */
function validUrl(url: string): string {
  const parsed = URL.parse(url);
  const isHttp = parsed !== null && /^https?:$/.test(parsed.protocol);
  if (isHttp && parsed.username === '' && parsed.password === '') return url;
  throw new LabError('CDC-4001', "The webhook's address is not an http:// or https:// URL without a login.", {
    remedy: 'Correct webhook.url, or the value that it refers to; put a login into a header.',
  });
}

/** The value itself, if it can be sent as a header. */
function validHeader(name: string, value: string): string {
  try {
    new Headers([[name, value]]);
    return value;
  } catch {
    // Without the cause, because its message contains the value.
    throw new LabError('CDC-4001', `The webhook's header ${JSON.stringify(name)} cannot be sent.`, {
      remedy: 'Correct webhook.headers, or the value that it refers to: a header must be a single line.',
    });
  }
}
