import type { VerifierConfig } from '../config.ts';
import { Database } from '../connection/postgres.ts';
import { KafkaView } from './topic/kafka-view.ts';

/** The two databases. Each call returns an open connection, or throws with the reason why there is none. */
export interface Databases {
  source(): Promise<Database>;
  sink(): Promise<Database>;
}

/** Everything that the verifier reads from, apart from the Connect REST API. */
export interface Connections extends Databases {
  /** Null if no Kafka is configured. */
  kafka(): Promise<KafkaView | null>;
}

/** Opens connections lazily, and opens a broken one again: the server may have come back. */
export class OpenConnections implements Connections, AsyncDisposable {
  readonly #config: VerifierConfig;
  #source: Promise<Database> | null = null;
  #sink: Promise<Database> | null = null;
  #kafka: Promise<KafkaView> | null = null;

  constructor(config: VerifierConfig) {
    this.#config = config;
  }

  async source(): Promise<Database> {
    if (this.#source !== null && !(await isOpen(this.#source))) this.#source = null;
    this.#source ??= Database.connect('source', this.#config.source.url, this.#config.compareTimeoutMs);
    return await this.#source;
  }

  async sink(): Promise<Database> {
    if (this.#sink !== null && !(await isOpen(this.#sink))) this.#sink = null;
    this.#sink ??= Database.connect('sink', this.#config.sink.url, this.#config.compareTimeoutMs);
    return await this.#sink;
  }

  async kafka(): Promise<KafkaView | null> {
    if (this.#config.kafka === null) return null;
    this.#kafka ??= KafkaView.connect(this.#config.kafka);
    try {
      return await this.#kafka;
    } catch (error) {
      this.#kafka = null;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = await Promise.allSettled([this.#source, this.#sink, this.#kafka]);
    const opened = all.flatMap((one) =>
      one.status === 'fulfilled' && one.value !== null ? [one.value] : [],
    );
    await Promise.all(opened.map((one) => one[Symbol.asyncDispose]()));
  }
}

async function isOpen(connection: Promise<Database>): Promise<boolean> {
  return await connection.then(
    (database) => database.isOpen,
    () => false,
  );
}
