import { z } from 'zod';
import type { OffsetAnswer, StatusAnswer } from '../connect/answers.ts';
import { ConnectClient } from '../connect/connect-client.ts';
import { ConnectUnreachable } from '../connect/connect-errors.ts';
import { engineOf } from '../lab/engines.ts';
import { sinkWorkers } from '../lab/instance/sink-workers.ts';
import type { Instance, SinkWorker } from '../lab/lab.ts';
import type { CrashPointState, WorkerRole } from './access.ts';
import { acceptAnswer, requestJson } from './http-json.ts';

const HTTP_WITHIN_MS = 15_000;

const crashPointsSchema = z.object({
  armed: z.array(z.object({ name: z.string(), skip: z.number() })),
  waiting: z.array(z.object({ name: z.string(), since: z.string(), arrivals: z.number() })),
});

type Hosted = Pick<
  Instance,
  'captureUrl' | 'sinkWorkerUrl' | 'moreSinks' | 'services' | 'engines' | 'connectors' | 'reach'
>;

/**
 * The workers of one half of the pipeline, asked as if they were one. Each of the lab's own workers knows its own task
 * only, so a request about a connector goes to all of them. Any worker of a Connect cluster answers for all: if one
 * does not answer, the next one is asked.
 */
export class WorkerGroup {
  readonly #instance: Hosted;
  readonly #role: WorkerRole;

  constructor(instance: Hosted, role: WorkerRole) {
    this.#instance = instance;
    this.#role = role;
  }

  get #hosts(): readonly [SinkWorker, ...SinkWorker[]] {
    const { services, captureUrl } = this.#instance;
    if (this.#role === 'sink') return sinkWorkers(this.#instance);
    return [{ service: services.capture, url: captureUrl }];
  }

  get #isCluster(): boolean {
    const { engines } = this.#instance;
    return engineOf(this.#role === 'sink' ? 'sink' : 'source', engines).host === 'connect';
  }

  get #connector(): string {
    const { source, sink } = this.#instance.connectors;
    return this.#role === 'capture' ? source : sink;
  }

  #client({ url }: SinkWorker): ConnectClient {
    return new ConnectClient(this.#instance.reach?.connect[this.#role] ?? { baseUrl: url });
  }

  /** The next task that reaches the point waits there, in whichever worker it runs. */
  async arm(point: string, skip: number): Promise<void> {
    for (const host of this.#hosts) await this.#crashPoint('PUT', host, `/${point}`, { skip });
  }

  async release(point: string): Promise<void> {
    for (const host of this.#hosts) await this.#crashPoint('DELETE', host, `/${point}`);
  }

  async crashPoints(): Promise<CrashPointState> {
    const states = await Promise.all(
      this.#hosts.map(async (host) => {
        const { armed, waiting } = acceptAnswer(
          crashPointsSchema,
          await this.#crashPoint('GET', host),
          host.url,
        );
        return { armed, waiting: waiting.map((one) => ({ ...one, service: host.service })) };
      }),
    );
    return {
      armed: states.flatMap(({ armed }) => armed),
      waiting: states.flatMap(({ waiting }) => waiting),
    };
  }

  /** Offsets belong to the connector, not to a worker: the first worker that answers has them all. */
  offsets(): Promise<readonly OffsetAnswer[]> {
    return this.#firstThatAnswers((client) => client.offsets(this.#connector));
  }

  /**
   * The connector with all its tasks. The task of a worker of ours that does not answer is UNASSIGNED, as Connect says of
   * a task whose worker is gone.
   * @throws ConnectUnreachable if no worker answers.
   */
  async status(): Promise<StatusAnswer> {
    if (this.#isCluster) return this.#firstThatAnswers((client) => client.status(this.#connector));
    const hosts = this.#hosts;
    const answers = await Promise.allSettled(hosts.map((host) => this.#client(host).status(this.#connector)));
    const first = answers.find((answer) => answer.status === 'fulfilled');
    if (first === undefined) throw answers.find((answer) => answer.status === 'rejected')?.reason;
    const tasks = answers.flatMap((answer, id): StatusAnswer['tasks'] => {
      if (answer.status === 'fulfilled') return answer.value.tasks;
      return [{ id, state: 'UNASSIGNED', worker_id: hosts[id]?.service ?? '' }];
    });
    return { ...first.value, tasks };
  }

  pause(): Promise<void> {
    return this.#tell((client) => client.pause(this.#connector));
  }

  resume(): Promise<void> {
    return this.#tell((client) => client.resume(this.#connector));
  }

  /** Restarts connector and tasks; with `onlyFailed` only what has failed. */
  restart(onlyFailed: boolean): Promise<void> {
    return this.#tell((client) => client.restart(this.#connector, { onlyFailed }));
  }

  stop(): Promise<void> {
    return this.#tell((client) => client.stop(this.#connector));
  }

  /** The configuration as it was given: placeholders for secrets are not resolved. */
  config(): Promise<Readonly<Record<string, string>>> {
    return this.#firstThatAnswers((client) => client.config(this.#connector));
  }

  /** Replaces the configuration; its tasks restart. */
  configure(config: Readonly<Record<string, string>>): Promise<void> {
    return this.#tell((client) => client.configure(this.#connector, config));
  }

  /** What the worker objects to in a configuration, by key. */
  validate(config: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, readonly string[]>> {
    const className = config['connector.class'] ?? '';
    return this.#firstThatAnswers((client) =>
      client.validate(className, { name: this.#connector, ...config }),
    );
  }

  /** Sets offsets, or removes all. The connector must be stopped, with all of its tasks. */
  alterOffsets(offsets: readonly OffsetAnswer[] | null): Promise<void> {
    return this.#firstThatAnswers((client) =>
      offsets === null ? client.resetOffsets(this.#connector) : client.alterOffsets(this.#connector, offsets),
    );
  }

  async #tell(what: (client: ConnectClient) => Promise<unknown>): Promise<void> {
    if (this.#isCluster) {
      await this.#firstThatAnswers(what);
      return;
    }
    for (const host of this.#hosts) await what(this.#client(host));
  }

  /** @throws ConnectUnreachable with all addresses if none answers; the first answer, if that is an error. */
  async #firstThatAnswers<T>(ask: (client: ConnectClient) => Promise<T>): Promise<T> {
    const silent: ConnectUnreachable[] = [];
    for (const host of this.#hosts) {
      try {
        return await ask(this.#client(host));
      } catch (error) {
        if (!(error instanceof ConnectUnreachable)) throw error;
        silent.push(error);
      }
    }
    throw new ConnectUnreachable(silent.map(({ url }) => url).join(' and '), silent[0]?.cause);
  }

  #crashPoint(method: string, { url }: SinkWorker, point = '', body?: unknown): Promise<unknown> {
    return requestJson(method, `${url}/lab/crash-points${point}`, body, AbortSignal.timeout(HTTP_WITHIN_MS));
  }
}
