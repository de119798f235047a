import { Admin, Producer } from '@platformatic/kafka';
import type { TaskContext } from '../../contract/connector.ts';
import type { ConsumedRecord } from '../../contract/records.ts';
import type { Poison } from '../bind/binder.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import type { Backoff } from './backoff.ts';

export interface DeadLetterOptions {
  readonly topic: string;
  readonly replicationFactor: number;
  readonly contextHeaders: boolean;
  readonly connector: string;
  readonly taskId: number;
  readonly clientId: string;
  readonly bootstrapServers: readonly string[];
  readonly backoff: Backoff;
}

const PREFIX = '__connect.errors.';

/** The headers that Kafka Connect's DeadLetterQueueReporter writes. */
export function errorHeaders(
  record: ConsumedRecord,
  error: Error,
  { connector, taskId }: { readonly connector: string; readonly taskId: number },
): Map<string, string> {
  return new Map([
    [`${PREFIX}topic`, record.topic],
    [`${PREFIX}partition`, String(record.partition)],
    [`${PREFIX}offset`, String(record.offset)],
    [`${PREFIX}connector.name`, connector],
    [`${PREFIX}task.id`, String(taskId)],
    [`${PREFIX}stage`, 'TASK_PUT'],
    [`${PREFIX}class.name`, 'io.debezium.connector.jdbc.JdbcSinkConnectorTask'],
    [`${PREFIX}exception.class.name`, error.name],
    [`${PREFIX}exception.message`, error.message],
    [`${PREFIX}exception.stacktrace`, error.stack ?? ''],
  ]);
}

/** Sends records to the dead-letter topic, before their offset is stored. */
export class DeadLetters {
  readonly #options: DeadLetterOptions;
  readonly #producer: Producer<Buffer, Buffer, string, Buffer>;
  /** What this task has sent already: the retry of a batch must not send it twice. */
  readonly #sent = new Set<string>();
  #topicExists = false;

  constructor(options: DeadLetterOptions) {
    this.#options = options;
    this.#producer = new Producer({
      clientId: `${options.clientId}-dlq`,
      bootstrapBrokers: [...options.bootstrapServers],
      acks: -1,
      retries: 2,
      serializers: { headerKey: (text?: string) => (text === undefined ? undefined : Buffer.from(text)) },
    });
  }

  /** @throws LabError CDC-2020 if the broker did not answer and the retries are used up. */
  async send(poison: readonly Poison[]): Promise<void> {
    const fresh = poison.filter(({ record }) => !this.#sent.has(idOf(record)));
    if (fresh.length === 0) return;
    const messages = fresh.map(({ record, error }) => ({
      topic: this.#options.topic,
      timestamp: BigInt(Date.now()),
      headers: this.#headers(record, error),
      ...(record.key === null ? {} : { key: record.key }),
      ...(record.value === null ? {} : { value: record.value }),
    }));
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#ensureTopic();
        await this.#producer.send({ messages, acks: -1 });
        this.#options.backoff.succeeded('broker');
        for (const { record } of fresh) this.#sent.add(idOf(record));
        return;
      } catch (error) {
        await this.#options.backoff.wait('broker', attempt, error);
      }
    }
  }

  #headers(record: ConsumedRecord, error: Error): Map<string, Buffer> {
    const headers = new Map(record.headers);
    if (!this.#options.contextHeaders) return headers;
    for (const [name, value] of errorHeaders(record, error, this.#options)) {
      headers.set(name, Buffer.from(value));
    }
    return headers;
  }

  async #ensureTopic(): Promise<void> {
    if (this.#topicExists) return;
    const admin = new Admin({
      clientId: `${this.#options.clientId}-dlq-admin`,
      bootstrapBrokers: [...this.#options.bootstrapServers],
      retries: 2,
    });
    try {
      const topics = await admin.listTopics();
      if (!topics.includes(this.#options.topic)) {
        const { topic, replicationFactor } = this.#options;
        await admin.createTopics({ topics: [topic], partitions: 1, replicas: replicationFactor });
      }
      this.#topicExists = true;
    } finally {
      await admin.close();
    }
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}

function idOf(record: ConsumedRecord): string {
  return `${record.topic}-${record.partition}@${record.offset}`;
}

/** Null unless `errors.tolerance=all`: then the `Applier` stops the task at a record that cannot be applied. */
export function deadLettersOf(
  config: SinkConfig,
  { connector, taskId = 0, bootstrapServers }: TaskContext,
  own: Pick<DeadLetterOptions, 'clientId' | 'backoff'>,
): DeadLetters | null {
  const { deadLetterTopic: topic } = config;
  if (topic === null) return null;
  const { deadLetterReplicationFactor: replicationFactor, deadLetterContextHeaders: contextHeaders } = config;
  return new DeadLetters({
    ...{ topic, replicationFactor, contextHeaders },
    ...{ connector, taskId, bootstrapServers },
    ...own,
  });
}
