import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';
import type { Logger } from '../contract/connector.ts';

const RETRY_MS = 1_000;

/** Kafka's cluster id. It is requested in the background until a broker answers. */
export class ClusterId {
  #id: string | null = null;
  readonly #abort = new AbortController();
  readonly #requesting: Promise<void>;

  constructor(bootstrapServers: readonly string[], log: Logger) {
    this.#requesting = this.#request([...bootstrapServers], log);
  }

  /** Null until a broker has answered. */
  get value(): string | null {
    return this.#id;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#requesting;
  }

  async #request(bootstrapBrokers: string[], log: Logger): Promise<void> {
    const { signal } = this.#abort;
    for (let warned = false; this.#id === null && !signal.aborted; ) {
      const admin = new Admin({
        clientId: 'cdc-lab-worker',
        bootstrapBrokers,
        retries: 0,
        connectTimeout: 2_000,
      });
      try {
        this.#id = (await admin.metadata({ topics: [] })).id;
      } catch (error) {
        if (!warned) log.warn('Kafka does not answer yet', { error });
        warned = true;
        // Only close() aborts the signal, and then the loop ends.
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      } finally {
        await admin.close();
      }
    }
  }
}
