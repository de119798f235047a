import type { Runtime, ServiceInfo } from '../runtime.ts';

/** One look at a service of the target. */
export interface Look {
  readonly name: string;
  readonly kind: ServiceInfo['kind'];
  /** `host:port`, or a URL. */
  readonly address: string;
  /** What answered, or why nothing did. */
  readonly said: string;
  readonly answers: boolean;
}

/**
 * The target's services, which can only be looked at. It has no method that stops, starts or disconnects one.
 */
export class ExternalRuntime implements Runtime {
  readonly name = 'external';
  readonly #look: () => Promise<readonly Look[]>;
  readonly #own: () => Promise<readonly ServiceInfo[]>;

  /** @param own The lab's own processes: workloads. */
  constructor(look: () => Promise<readonly Look[]>, own: () => Promise<readonly ServiceInfo[]>) {
    this.#look = look;
    this.#own = own;
  }

  async services(): Promise<readonly ServiceInfo[]> {
    const looks = await this.#look();
    const foreign = looks.map(({ name, kind, address, said, answers }): ServiceInfo => {
      const port = Number(/:(\d+)\/?$/.exec(address)?.[1] ?? Number.NaN);
      const state = answers ? 'running' : 'dead';
      return {
        name,
        kind,
        state,
        pid: null,
        port: Number.isNaN(port) ? null : port,
        log: `${address}: ${said}`,
      };
    });
    return [...foreign, ...(await this.#own())];
  }
}
