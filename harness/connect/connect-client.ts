/**
 * `harness/connect`: a client of Kafka Connect's REST API, for Apache Kafka's workers and the lab's own.
 * In: a base URL, optionally a login and a certificate authority.
 * Out: parsed answers, or one of four errors: unreachable, not Connect, refused, wrong state.
 * Promises: every answer is validated; a 409 during a rebalance is retried until a deadline, any other refusal
 * is reported at once.
 */

import type { z } from 'zod';
import { accept } from '../../pipeline/contract/mistake.ts';
import { basicAuth, send } from '../../verifier/connection/http.ts';
import { pause } from '../wait.ts';
import * as answers from './answers.ts';
import { ConnectorStateError, ConnectRefused, ConnectUnreachable, NotConnect } from './connect-errors.ts';

export interface ConnectClientOptions {
  readonly baseUrl: string;
  readonly basicAuth?: { readonly username: string; readonly password: string };
  /** PEM file of the authorities to check its certificate against; null: those that Node.js trusts. */
  readonly ca?: string | null;
  /** Timeout of one request. */
  readonly timeoutMs?: number;
  /** How long a 409 for a rebalance is retried. */
  readonly rebalanceDeadlineMs?: number;
}

export interface WaitOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** How long FAILED is tolerated: it may still be reported for a moment after a restart. */
  readonly failedGraceMs?: number;
}

type Config = Readonly<Record<string, string>>;
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const POLL_MS = 100;
/** What Connect says with a 409 while workers rebalance, unlike with one for a connector that exists. */
const REBALANCE = /rebalance|momentarily/i;

/** Client of Kafka Connect's REST API, which the lab's worker and Apache Kafka's own serve. */
export class ConnectClient {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #ca: string | null;
  readonly #timeoutMs: number;
  readonly #rebalanceDeadlineMs: number;

  constructor(options: ConnectClientOptions) {
    this.#base = options.baseUrl.replace(/\/+$/, '');
    const login = options.basicAuth;
    this.#headers = {
      accept: 'application/json',
      ...(login === undefined ? {} : { authorization: basicAuth(login.username, login.password) }),
    };
    this.#ca = options.ca ?? null;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#rebalanceDeadlineMs = options.rebalanceDeadlineMs ?? 30_000;
  }

  root() {
    return this.#ask('GET', '/', answers.rootAnswer);
  }
  names() {
    return this.#ask('GET', '/connectors', answers.namesAnswer);
  }
  /** Status and configuration of every connector, by name. */
  all() {
    return this.#ask('GET', '/connectors?expand=status&expand=info', answers.expandedAnswer);
  }
  info(name: string) {
    return this.#ask('GET', path(name), answers.infoAnswer);
  }
  status(name: string) {
    return this.#ask('GET', `${path(name)}/status`, answers.statusAnswer);
  }
  config(name: string) {
    return this.#ask('GET', `${path(name)}/config`, answers.configAnswer);
  }
  /** @throws ConnectRefused 409 if the name is taken, 400 if the configuration is invalid. */
  create(name: string, config: Config) {
    return this.#ask('POST', '/connectors', answers.infoAnswer, { name, config });
  }
  /** Creates the connector or replaces its configuration. */
  configure(name: string, config: Config) {
    return this.#ask('PUT', `${path(name)}/config`, answers.infoAnswer, config);
  }
  /** KIP-477: changes only the given keys; null removes one. */
  patchConfig(name: string, changes: Readonly<Record<string, string | null>>) {
    return this.#ask('PATCH', `${path(name)}/config`, answers.infoAnswer, changes);
  }
  pause(name: string) {
    return this.#tell('PUT', `${path(name)}/pause`);
  }
  resume(name: string) {
    return this.#tell('PUT', `${path(name)}/resume`);
  }
  stop(name: string) {
    return this.#tell('PUT', `${path(name)}/stop`);
  }
  /** Restarts connector and task; with `onlyFailed` only what has failed. */
  restart(name: string, options: { readonly onlyFailed?: boolean } = {}) {
    return this.#tell(
      'POST',
      `${path(name)}/restart?includeTasks=true&onlyFailed=${options.onlyFailed ?? false}`,
    );
  }
  restartTask(name: string, task = 0) {
    return this.#tell('POST', `${path(name)}/tasks/${task}/restart`);
  }
  /** @returns false if there was no such connector. */
  async delete(name: string): Promise<boolean> {
    try {
      await this.#tell('DELETE', path(name));
      return true;
    } catch (error) {
      if (error instanceof ConnectRefused && error.status === 404) return false;
      throw error;
    }
  }
  async topics(name: string): Promise<readonly string[]> {
    const answer = await this.#ask('GET', `${path(name)}/topics`, answers.topicsAnswer);
    return answer[name]?.topics ?? [];
  }
  async offsets(name: string): Promise<readonly answers.OffsetAnswer[]> {
    return (await this.#ask('GET', `${path(name)}/offsets`, answers.offsetsAnswer)).offsets;
  }
  /** The connector must be stopped. */
  alterOffsets(name: string, offsets: readonly answers.OffsetAnswer[]) {
    return this.#tell('PATCH', `${path(name)}/offsets`, { offsets });
  }
  /** The connector must be stopped. */
  resetOffsets(name: string) {
    return this.#tell('DELETE', `${path(name)}/offsets`);
  }
  plugins() {
    return this.#ask('GET', '/connector-plugins', answers.pluginsAnswer);
  }
  /** Keys that a plug-in names, each with its default. */
  keys(className: string) {
    return this.#ask('GET', `/connector-plugins/${encodeURIComponent(className)}/config`, answers.keysAnswer);
  }
  /** The errors in a configuration, by key. */
  async validate(className: string, config: Config): Promise<ReadonlyMap<string, readonly string[]>> {
    const url = `/connector-plugins/${encodeURIComponent(className)}/config/validate`;
    const { configs } = await this.#ask('PUT', url, answers.validationAnswer, config);
    const wrong = configs.filter(({ value }) => value.errors.length > 0);
    return new Map(wrong.map(({ value }) => [value.name, value.errors]));
  }

  /**
   * Waits until the connector and all its tasks are in that state. STOPPED means that no task is left.
   * Keeps waiting while the worker does not answer.
   * @throws ConnectorStateError with the trace if it fails instead, or at the deadline.
   */
  async waitForState(name: string, wanted: WantedState, options: WaitOptions): Promise<answers.StatusAnswer> {
    const started = performance.now();
    let seen = 'unknown';
    let trace: string | null = null;
    let failedSince: number | null = null;
    for (;;) {
      options.signal?.throwIfAborted();
      try {
        const status = await this.status(name);
        if (isIn(status, wanted)) return status;
        seen = stateText(status);
        trace = traceOf(status);
        failedSince = isIn(status, 'FAILED') ? (failedSince ?? performance.now()) : null;
      } catch (error) {
        // For a moment after its creation, Connect does not know a connector yet.
        const early = error instanceof ConnectRefused && error.status === 404;
        if (!early && !(error instanceof ConnectUnreachable)) throw error;
        seen = early ? 'not there' : 'unknown, since its worker does not answer';
        failedSince = null;
      }
      const now = performance.now();
      const failed = failedSince !== null && now - failedSince >= (options.failedGraceMs ?? 1_000);
      if (failed || now - started >= options.deadlineMs)
        throw new ConnectorStateError(name, {
          wanted,
          seen,
          trace,
          afterMs: failed ? null : Math.round(now - started),
        });
      await pause(POLL_MS, options.signal);
    }
  }

  async #ask<T>(method: Method, url: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
    const { text } = await this.#send(method, url, body);
    try {
      return accept(schema, JSON.parse(text), 'the answer');
    } catch (error) {
      throw new NotConnect(`${this.#base}${url}`, error);
    }
  }

  async #tell(method: Method, url: string, body?: unknown): Promise<void> {
    await this.#send(method, url, body);
  }

  /** Sends a request, and retries it while the workers rebalance. */
  async #send(method: Method, url: string, body: unknown): Promise<{ text: string }> {
    const deadline = performance.now() + this.#rebalanceDeadlineMs;
    for (;;) {
      const { status, ok, text } = await this.#once(method, url, body);
      if (ok) return { text };
      const message = messageOf(text);
      const rebalancing = status === 409 && REBALANCE.test(message);
      if (!rebalancing || performance.now() >= deadline) {
        throw new ConnectRefused(status, `${method} ${url}`, message);
      }
      await pause(POLL_MS);
    }
  }

  async #once(method: Method, url: string, body: unknown) {
    try {
      const given = {
        method,
        headers: { ...this.#headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(this.#timeoutMs),
      };
      return await send(new URL(`${this.#base}${url}`), given, this.#ca);
    } catch (error) {
      throw new ConnectUnreachable(this.#base, error);
    }
  }
}

export type WantedState = 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED';

const path = (name: string) => `/connectors/${encodeURIComponent(name)}`;

/** Whether the connector and all its tasks are in that state; FAILED: one of them is. STOPPED means that no task is left. */
export function isIn({ connector, tasks }: answers.StatusAnswer, wanted: WantedState): boolean {
  if (wanted === 'FAILED') return [connector, ...tasks].some(({ state }) => state === 'FAILED');
  if (connector.state !== wanted || tasks.some(({ state }) => state !== wanted)) return false;
  return wanted === 'STOPPED' ? tasks.length === 0 : tasks.length > 0;
}

/** `RUNNING, task 0 FAILED`. */
export function stateText({ connector, tasks }: answers.StatusAnswer): string {
  const states = tasks.map(({ id, state }) => `task ${id} ${state}`);
  return [connector.state, ...(states.length === 0 ? ['no task'] : states)].join(', ');
}

/** Why connector or task failed; null if neither did. */
export function traceOf({ connector, tasks }: answers.StatusAnswer): string | null {
  const failed = [connector, ...tasks].find(({ state }) => state === 'FAILED');
  return failed === undefined ? null : (failed.trace ?? 'no trace');
}

function messageOf(text: string): string {
  try {
    return answers.errorAnswer.parse(JSON.parse(text)).message;
  } catch {
    // A proxy in between may answer in another format.
    return text.slice(0, 500);
  }
}
