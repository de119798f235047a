import { pause } from '../wait.ts';

/** What is measured of one quantity, in the quantity's unit. */
export interface Sampled {
  /** The first value, before anything is broken. */
  readonly first: number;
  readonly most: number;
  readonly last: number;
  /** How often it was read. */
  readonly samples: number;
}

/** Reads a quantity once; undefined: it cannot be seen now, as while its server is down. */
export type Probe = () => Promise<number | undefined>;

const EVERY_MS = 250;

/**
 * Samples quantities while a scenario runs, and keeps the first, the last and the largest value of each. A probe that
 * throws is asked again: a server that is down on purpose must not end the run.
 */
export class Sampler implements AsyncDisposable {
  readonly #probes: ReadonlyMap<string, Probe>;
  readonly #over = new AbortController();
  readonly #sampled = new Map<string, Sampled>();
  readonly #ended: Promise<void>;

  /** @param probes By name. Without any, nothing is sampled. */
  constructor(probes: ReadonlyMap<string, Probe>, everyMs: number = EVERY_MS) {
    this.#probes = probes;
    this.#ended = probes.size === 0 ? Promise.resolve() : this.#run(everyMs);
  }

  /** Undefined if it was never seen. */
  of(name: string): Sampled | undefined {
    return this.#sampled.get(name);
  }

  /** Reads everything once more: what grew last must count. */
  async look(): Promise<void> {
    for (const [name, probe] of this.#probes) {
      const value = await probe().catch(() => undefined);
      if (value !== undefined) this.#note(name, value);
    }
  }

  async #run(everyMs: number): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await this.look();
      await pause(everyMs, signal).catch(() => undefined);
    }
  }

  #note(name: string, value: number): void {
    const { first = value, most = value, samples = 0 } = this.#sampled.get(name) ?? {};
    this.#sampled.set(name, { first, most: Math.max(most, value), last: value, samples: samples + 1 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#ended;
  }
}
