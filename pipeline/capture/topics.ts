import type { Admin } from '@platformatic/kafka';
import type { SourceConfig } from './config.ts';
import { topicExists } from './kafka-clients.ts';

/** Creates topics before the first record goes to them, and knows how many partitions each has. */
export class TopicRegistry {
  readonly #admin: Admin;
  readonly #config: SourceConfig['topics'];
  readonly #partitions = new Map<string, number>();

  constructor(admin: Admin, config: SourceConfig['topics']) {
    this.#admin = admin;
    this.#config = config;
  }

  /** Undefined until {@link ensure} has been through it. */
  partitionsOf(topic: string): number | undefined {
    return this.#partitions.get(topic);
  }

  /** Creates those that are missing. A topic that exists stays as it is. */
  async ensure(topics: Iterable<string>): Promise<void> {
    const unknown = [...new Set(topics)].filter((topic) => !this.#partitions.has(topic));
    if (unknown.length === 0) return;
    const existing = new Set(await this.#admin.listTopics({ includeInternals: true }));
    for (const topic of unknown.filter((name) => !existing.has(name))) {
      await createTopic(this.#admin, topic, this.#config);
    }
    const metadata = await this.#admin.metadata({ topics: unknown, forceUpdate: true });
    for (const topic of unknown) {
      const count = metadata.topics.get(topic)?.partitionsCount;
      if (count === undefined || count === 0) throw new Error(`Kafka has no metadata of topic ${topic} yet.`);
      this.#partitions.set(topic, count);
    }
  }
}

/** Creates one topic; that it exists already is no error. */
export async function createTopic(
  admin: Admin,
  topic: string,
  config: SourceConfig['topics'],
): Promise<void> {
  try {
    await admin.createTopics({
      topics: [topic],
      partitions: config.partitions,
      // -1: the broker's default, KIP-464.
      replicas: config.replicationFactor,
      configs: Object.entries(config.configs).map(([name, value]) => ({ name, value })),
    });
  } catch (error) {
    if (!topicExists(error)) throw error;
  }
}
