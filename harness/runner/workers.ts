import { z } from 'zod';
import type { OffsetAnswer, StatusAnswer } from '../connect/answers.ts';
import { ConnectClient } from '../connect/client.ts';
import type { Instance, SinkWorker } from '../lab/instance.ts';
import { sinkHosts } from '../lab/sink-workers.ts';
import type { CrashPointState, WorkerRole } from './access.ts';
import { requestJson } from './http-json.ts';

const HTTP_WITHIN_MS = 15_000;

const crashPointsSchema = z.object({
  armed: z.array(z.object({ name: z.string(), skip: z.number() })),
  waiting: z.array(z.object({ name: z.string(), since: z.string(), arrivals: z.number() })),
});

type Hosted = Pick<
  Instance,
  'captureUrl' | 'sinkWorkerUrl' | 'moreSinks' | 'services' | 'engines' | 'connectors' | 'reach'
>;

/** The workers of one half of the pipeline, asked as if they were one: what is asked of a connector goes to all. */
export class Workers {
  readonly #instance: Hosted;
  readonly #role: WorkerRole;

  constructor(instance: Hosted, role: WorkerRole) {
    this.#instance = instance;
    this.#role = role;
  }

  get #hosts(): readonly [SinkWorker, ...SinkWorker[]] {
    const { services, captureUrl } = this.#instance;
    if (this.#role === 'sink') return sinkHosts(this.#instance);
    return [{ service: services.capture, url: captureUrl }];
  }

  get #connector(): string {
    const { source, sink } = this.#instance.connectors;
    return this.#role === 'capture' ? source : sink;
  }

  #client({ url }: SinkWorker): ConnectClient {
    return new ConnectClient(this.#instance.reach?.connect[this.#role] ?? { baseUrl: url });
  }

  /** The next that comes to the point waits, whichever worker it is in. */
  async arm(point: string, skip: number): Promise<void> {
    for (const host of this.#hosts) await this.#crashPoint('PUT', host, `/${point}`, { skip });
  }

  async release(point: string): Promise<void> {
    for (const host of this.#hosts) await this.#crashPoint('DELETE', host, `/${point}`);
  }

  async crashPoints(): Promise<CrashPointState> {
    const states = await Promise.all(
      this.#hosts.map(async (host) => {
        const { armed, waiting } = crashPointsSchema.parse(await this.#crashPoint('GET', host));
        return { armed, waiting: waiting.map((one) => ({ ...one, service: host.service })) };
      }),
    );
    return {
      armed: states.flatMap(({ armed }) => armed),
      waiting: states.flatMap(({ waiting }) => waiting),
    };
  }

  /** Offsets are the connector's, not a worker's: the first that answers has them all. */
  async offsets(): Promise<readonly OffsetAnswer[]> {
    return this.#client(this.#hosts[0]).offsets(this.#connector);
  }

  /**
   * All tasks. That of a worker which does not answer is UNASSIGNED, as Connect says of one whose worker is gone.
   * @throws where none answers.
   */
  async status(): Promise<StatusAnswer> {
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

  async pause(): Promise<void> {
    for (const host of this.#hosts) await this.#client(host).pause(this.#connector);
  }

  async resume(): Promise<void> {
    for (const host of this.#hosts) await this.#client(host).resume(this.#connector);
  }

  #crashPoint(method: string, { url }: SinkWorker, point = '', body?: unknown): Promise<unknown> {
    return requestJson(method, `${url}/lab/crash-points${point}`, body, AbortSignal.timeout(HTTP_WITHIN_MS));
  }
}
