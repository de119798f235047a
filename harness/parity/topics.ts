import { randomUUID } from 'node:crypto';
import type { Kafka } from 'kafkajs';
import { quietKafka } from '../../verifier/connection/quiet-kafka.ts';
import type { SeenRecord } from './compare.ts';

/** Reads whole topics. */
export class Topics implements AsyncDisposable {
  readonly #kafka: Kafka;
  readonly #admin;

  private constructor(bootstrapServers: readonly string[]) {
    this.#kafka = quietKafka({ brokers: [...bootstrapServers] });
    this.#admin = this.#kafka.admin();
  }

  static async open(bootstrapServers: readonly string[]): Promise<Topics> {
    const topics = new Topics(bootstrapServers);
    await topics.#admin.connect();
    return topics;
  }

  /** Names of the topics that contain this prefix, sorted. */
  async named(prefix: string): Promise<string[]> {
    return (await this.#admin.listTopics()).filter((topic) => topic.includes(prefix)).sort();
  }

  /** Number of records in the topic; 0 if it does not exist. */
  async count(topic: string): Promise<number> {
    if (!(await this.#admin.listTopics()).includes(topic)) return 0;
    const partitions = await this.#admin.fetchTopicOffsets(topic);
    return partitions.reduce((sum, { high }) => sum + Number(high), 0);
  }

  /** All records that are in these topics now, by topic and in order. `prefix` is replaced by `PREFIX`. */
  async read(names: readonly string[], prefix: string): Promise<Map<string, SeenRecord[]>> {
    const seen = new Map<string, SeenRecord[]>(names.map((name) => [name.replace(prefix, 'PREFIX'), []]));
    const missing = new Map<string, bigint>();
    for (const topic of names) {
      for (const { partition, high } of await this.#admin.fetchTopicOffsets(topic)) {
        if (high !== '0') missing.set(`${topic}:${partition}`, BigInt(high));
      }
    }
    if (missing.size === 0) return seen;
    const consumer = this.#kafka.consumer({ groupId: `parity-${randomUUID()}`, maxWaitTimeInMs: 100 });
    const groupId = await this.#consume(consumer, names, (topic, partition, offset, record) => {
      seen.get(topic.replace(prefix, 'PREFIX'))?.push(normalised({ partition, ...record }, prefix));
      const end = missing.get(`${topic}:${partition}`);
      if (end !== undefined && offset + 1n >= end) missing.delete(`${topic}:${partition}`);
      return missing.size === 0;
    });
    await this.#admin.deleteGroups([groupId]);
    return seen;
  }

  async #consume(
    consumer: ReturnType<Kafka['consumer']>,
    topics: readonly string[],
    take: (
      topic: string,
      partition: number,
      offset: bigint,
      record: Omit<SeenRecord, 'partition'>,
    ) => boolean,
  ): Promise<string> {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    let groupId = '';
    consumer.on('consumer.group_join', ({ payload }) => {
      groupId = payload.groupId;
    });
    await new Promise<void>((resolve, reject) => {
      const eachMessage: Parameters<typeof consumer.run>[0] = {
        eachMessage: async ({ topic, partition, message }) => {
          const headers = Object.fromEntries(
            Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
          );
          const text = (bytes: Buffer | null) => bytes?.toString('utf8') ?? null;
          const record = { key: text(message.key), value: text(message.value), headers };
          if (take(topic, partition, BigInt(message.offset), record)) resolve();
        },
      };
      consumer.run(eachMessage).catch(reject);
    });
    await consumer.disconnect();
    return groupId;
  }

  async remove(names: readonly string[]): Promise<void> {
    if (names.length > 0) await this.#admin.deleteTopics({ topics: [...names] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.disconnect();
  }
}

function normalised(record: SeenRecord, prefix: string): SeenRecord {
  const text = (value: string | null) => value?.replaceAll(prefix, 'PREFIX') ?? null;
  return { ...record, key: text(record.key), value: text(record.value) };
}
