import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import { type KafkaConnection, kafkaOptions, kafkaRefused } from '../../connection/kafka.ts';
import type { TableName } from '../../table-id.ts';
import type { Offsets } from '../offsets.ts';

/** Kafka allows no longer name. */
const MAX_TOPIC_LENGTH = 249;

/** A partition that is new, or whose broker went away, has no leader for a moment. */
const ATTEMPTS = 10;
const RETRY_MS = 200;

/** Retries what a broker answers with a retriable error; kafkajs does so for some requests only. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || (error as { retriable?: unknown } | null)?.retriable !== true) throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** First and next offset of each partition. */
export interface TopicOffsets {
  readonly firsts: Offsets;
  readonly ends: Offsets;
}

/** The verifier's view of Kafka, through another client library than the pipeline's. */
export class KafkaView implements AsyncDisposable {
  readonly kafka: Kafka;
  readonly #admin: Admin;

  private constructor(kafka: Kafka, admin: Admin) {
    this.kafka = kafka;
    this.#admin = admin;
  }

  /** @throws LabError CDC-4020, with the reason, if no broker answers or the broker refuses the verifier. */
  static async connect(connection: KafkaConnection): Promise<KafkaView> {
    // Loaded lazily: a pair of databases is verified without Kafka.
    const { quietKafka } = await import('../../connection/quiet-kafka.ts');
    const options = kafkaOptions(connection);
    const kafka = quietKafka({
      clientId: 'cdc-lab-verifier',
      ...options,
      connectionTimeout: 3_000,
      requestTimeout: 10_000,
      retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 },
    });
    const admin = kafka.admin();
    try {
      await admin.connect();
      await admin.listTopics();
    } catch (cause) {
      await admin.disconnect().catch(() => undefined);
      throw await kafkaRefused(connection, cause);
    }
    return new KafkaView(kafka, admin);
  }

  /** Number of brokers. */
  async brokers(): Promise<number> {
    return (await this.#admin.describeCluster()).brokers.length;
  }

  /** `host:port` of every broker. */
  async brokerAddresses(): Promise<readonly string[]> {
    return (await this.#admin.describeCluster()).brokers.map(({ host, port }) => `${host}:${port}`);
  }

  /** Those of the topics that exist. */
  async existing(topics: readonly string[]): Promise<readonly string[]> {
    const all = new Set(await this.#admin.listTopics());
    return topics.filter((topic) => all.has(topic));
  }

  /** Offsets of the topics' partitions; topics that do not exist are left out. */
  async offsets(topics: readonly string[]): Promise<TopicOffsets> {
    const firsts = new Map<string, bigint>();
    const ends = new Map<string, bigint>();
    const one = async (topic: string): Promise<void> => {
      for (const { partition, low, high } of await retried(() => this.#admin.fetchTopicOffsets(topic))) {
        firsts.set(`${topic}/${partition}`, BigInt(low));
        ends.set(`${topic}/${partition}`, BigInt(high));
      }
    };
    await Promise.all((await this.existing(topics)).map(one));
    return { firsts, ends };
  }

  /** Committed offsets of a consumer group; partitions without one are left out. */
  async committed(groupId: string, topics: readonly string[]): Promise<Offsets> {
    const offsets = new Map<string, bigint>();
    const existing = await this.existing(topics);
    if (existing.length === 0) return offsets;
    for (const { topic, partitions } of await this.#admin.fetchOffsets({ groupId, topics: [...existing] })) {
      for (const { partition, offset } of partitions) {
        if (offset !== '-1') offsets.set(`${topic}/${partition}`, BigInt(offset));
      }
    }
    return offsets;
  }

  /** For each partition the first offset whose record is not older than the time; the end if there is none. */
  async offsetsAt(topics: readonly string[], timestampMs: number): Promise<Offsets> {
    const offsets = new Map<string, bigint>();
    for (const topic of await this.existing(topics)) {
      // Kafka accepts only whole milliseconds.
      const atMs = Math.trunc(timestampMs);
      for (const entry of await this.#admin.fetchTopicOffsetsByTimestamp(topic, atMs)) {
        offsets.set(`${topic}/${entry.partition}`, BigInt(entry.offset));
      }
    }
    return offsets;
  }

  /** `retention.ms` of a topic; null if retention is unlimited. */
  async retentionMs(topic: string): Promise<number | null> {
    const { resources } = await this.#admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: ['retention.ms', 'cleanup.policy'] }],
    });
    const entries = resources[0]?.configEntries ?? [];
    const value = (name: string) => entries.find((entry) => entry.configName === name)?.configValue;
    const retention = Number(value('retention.ms') ?? -1);
    return value('cleanup.policy') === 'compact' || retention < 0 ? null : retention;
  }

  async deleteGroup(groupId: string): Promise<void> {
    await this.#admin.deleteGroups([groupId]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.disconnect().catch(() => undefined);
  }
}

/** Topic of a table, as Debezium names it: illegal characters become `_`. Two tables may have the same one. */
export function topicOf(prefix: string, { schema, name }: TableName): string {
  return `${prefix}.${schema}.${name}`.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, MAX_TOPIC_LENGTH);
}
