import { setTimeout as sleep } from 'node:timers/promises';
import { UnavailableError } from '../errors.ts';
import type { Lab } from '../lab/lab.ts';
import { isSharedServer } from '../lab/runtime.ts';

const EVERY_MS = 1_000;

/**
 * Private servers are left out: they are there to be broken, and those of other instances come and go.
 * @throws UnavailableError that names the servers that are down, except those in `allowed`.
 */
export async function mustHaveServers(
  { runtime }: Lab,
  allowed: ReadonlySet<string> = new Set(),
): Promise<void> {
  const down = (await runtime.services()).filter(
    (service) => isSharedServer(service) && service.state !== 'running' && !allowed.has(service.name),
  );
  if (down.length === 0) return;
  const said = down.map(({ name, state, log }) => `${name} is ${state} (its log: ${log})`).join(', ');
  throw new UnavailableError(`The run cannot go on: ${said}.`, 'cdc-lab up starts it again.');
}

/**
 * Looks at the servers while a variant runs: one that dies without having been broken on purpose would let every wait
 * last until its deadline. Servers that the lab cannot start are not watched: each look would go over their network.
 */
export class ServerWatch implements Disposable {
  readonly #over = new AbortController();
  readonly #lost = new AbortController();
  /** Aborts with an UnavailableError when a server is lost. */
  readonly signal = this.#lost.signal;

  /** @param broken Servers that a fault has been aimed at. */
  constructor(lab: Lab, broken: () => ReadonlySet<string>, everyMs: number = EVERY_MS) {
    if (lab.runtime.start !== undefined) void this.#watch(lab, broken, everyMs);
  }

  async #watch(lab: Lab, broken: () => ReadonlySet<string>, everyMs: number): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await mustHaveServers(lab, broken());
      } catch (error) {
        if (!(error instanceof UnavailableError)) continue;
        this.#lost.abort(error);
        return;
      }
    }
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }
}
