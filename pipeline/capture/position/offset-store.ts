import type { TaskContext } from '../../contract/connector.ts';
import { LabError } from '../../contract/errors.ts';
import type { OffsetStage } from '../../contract/stages.ts';
import type { SourceConfig } from '../config/source-config.ts';
import {
  closeClient,
  createAdmin,
  createFetcher,
  createProducer,
  type KafkaAddress,
  kafkaAddress,
  type RecordProducer,
} from '../publish/kafka-clients.ts';
import { choosePartition } from '../publish/partition.ts';
import { createTopic, topicMetadata } from '../publish/topics.ts';

/** Small segments, so that compaction reaches them soon: the active segment keeps every position. */
const TOPIC_CONFIGS = {
  'cleanup.policy': 'compact',
  'segment.bytes': '4194304',
  'segment.ms': '3600000',
  'min.cleanable.dirty.ratio': '0.2',
};

/** One connector's position in the compacted offsets topic, under the key that Kafka Connect uses. */
export class OffsetStore implements OffsetStage {
  readonly #address: KafkaAddress;
  readonly #topic: string;
  readonly #key: Buffer;
  #producer: RecordProducer | undefined;
  #partition = 0;

  constructor(config: SourceConfig, context: TaskContext) {
    const address = kafkaAddress(config, context);
    this.#address = { ...address, clientId: `${address.clientId}-offsets` };
    this.#topic = context.offsetsTopic;
    this.#key = Buffer.from(JSON.stringify([config.name, { server: config.topicPrefix }]));
  }

  /** The newest value; null if there is none or it was removed. Creates the topic if it is missing. */
  async load(): Promise<unknown> {
    const admin = createAdmin(this.#address);
    const fetcher = createFetcher(this.#address);
    try {
      const existing = await admin.listTopics({ includeInternals: true });
      if (!existing.includes(this.#topic)) {
        await createTopic(admin, this.#topic, {
          partitions: 1,
          replicationFactor: -1,
          configs: TOPIC_CONFIGS,
        });
      }
      const topic = (await topicMetadata(admin, [this.#topic])).get(this.#topic);
      if (topic === undefined) throw new Error(`Kafka has no metadata of topic ${this.#topic} yet.`);
      this.#partition = choosePartition(this.#topic, this.#key, topic.partitionsCount);
      fetcher.topics.track(this.#topic);
      const leader = topic.partitions[this.#partition]?.leader ?? -1;
      return await this.#newest(fetcher, topic.id, leader);
    } finally {
      await Promise.all([closeClient(admin), closeClient(fetcher)]);
    }
  }

  /** Resolves when the record is acknowledged. Null removes the position. Call {@link load} first. */
  async store(offset: Readonly<Record<string, unknown>> | null): Promise<void> {
    this.#producer ??= createProducer(this.#address);
    try {
      await this.#producer.send({
        messages: [
          {
            topic: this.#topic,
            partition: this.#partition,
            key: this.#key,
            ...(offset === null ? {} : { value: Buffer.from(JSON.stringify(offset)) }),
          },
        ],
      });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await closeClient(producer);
  }

  async #newest(
    fetcher: ReturnType<typeof createFetcher>,
    topicId: string,
    leader: number,
  ): Promise<unknown> {
    const at = async (timestamp: bigint) =>
      (await fetcher.listOffsets({ topics: [this.#topic], timestamp })).get(this.#topic)?.[this.#partition] ??
      0n;
    const end = await at(-1n);
    let next = await at(-2n);
    let newest: Buffer | null = null;
    while (next < end) {
      const batches = await this.#fetch(fetcher, topicId, leader, next);
      if (batches.length === 0) break;
      for (const batch of batches) {
        for (const record of batch.records) {
          if (record.key !== null && this.#key.equals(record.key)) newest = record.value;
        }
        next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
      }
    }
    return newest === null ? null : parseJson(newest);
  }

  async #fetch(
    fetcher: ReturnType<typeof createFetcher>,
    topicId: string,
    node: number,
    fetchOffset: bigint,
  ) {
    const response = await fetcher.fetch({
      node,
      minBytes: 1,
      maxBytes: 4_194_304,
      maxWaitTime: 500,
      topics: [
        {
          topicId,
          partitions: [
            {
              partition: this.#partition,
              currentLeaderEpoch: -1,
              fetchOffset,
              lastFetchedEpoch: -1,
              partitionMaxBytes: 4_194_304,
            },
          ],
        },
      ],
    });
    return response.responses.flatMap((topic) => topic.partitions.flatMap((part) => part.records ?? []));
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw new LabError('CDC-1051', 'The stored offset is not JSON.', {
      cause,
      remedy: 'Stop the connector and remove the offset with DELETE /connectors/NAME/offsets.',
    });
  }
}
