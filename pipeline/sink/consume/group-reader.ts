import { Admin, type ClusterMetadata, ConfigResourceTypes, Consumer, findErrorBy } from '@platformatic/kafka';
import type { Logger } from '../../contract/connector.ts';
import { LabError, messageOf } from '../../contract/errors.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import { type FetchedPartition, readCommitted } from './read-committed.ts';
import { within } from './within.ts';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface ReaderOptions {
  readonly groupId: string;
  /** Unique to a worker and the same after its restart: it identifies the member that a crashed process left behind. */
  readonly clientId: string;
  readonly bootstrapServers: readonly string[];
  readonly settings: SinkConfig['consumer'];
  readonly log: Logger;
  readonly onAssigned: (partitions: readonly TopicPartition[]) => void;
  /** The membership is lost, and the client library will not join again by itself. */
  readonly onLost: (error: unknown) => void;
}

const READ_COMMITTED = 1;
const EARLIEST = -2n;
/** Longer than the request's own time-out. */
const JOIN_GRACE_MS = 10_000;
const CLOSE_WITHIN_MS = 5_000;

/**
 * A member of a consumer group that fetches with explicit offsets instead of through the library's stream: the group
 * provides assignment and heartbeats, but only the sink database says where to read from.
 */
export class GroupReader {
  readonly #options: ReaderOptions;
  #consumer: Consumer;
  readonly #bases: { clientId: string; bootstrapBrokers: string[]; retries: number; retryDelay: number };

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#bases = {
      clientId: options.clientId,
      bootstrapBrokers: [...options.bootstrapServers],
      retries: 2,
      retryDelay: 200,
    };
    this.#consumer = this.#newConsumer();
  }

  #newConsumer(): Consumer {
    const { onAssigned, onLost, groupId, settings } = this.#options;
    const consumer = new Consumer({
      ...this.#bases,
      groupId: groupId.replaceAll(/\s/g, '_'),
      autocommit: false,
      isolationLevel: READ_COMMITTED,
      sessionTimeout: settings.sessionTimeoutMs,
      heartbeatInterval: settings.heartbeatIntervalMs,
      rebalanceTimeout: settings.rebalanceTimeoutMs,
      // A JoinGroup waits for the other members for as long as a rebalance may take.
      timeout: settings.rebalanceTimeoutMs + 5_000,
      maxWaitTime: settings.maxWaitMs,
      minBytes: 1,
      maxBytes: settings.maxBytes,
    });
    // The library's constructor takes no blanks, which a connector's name, and so the name of its group, may have.
    consumer.groupId = groupId;
    consumer.on('consumer:group:join', ({ assignments }) => {
      if (consumer !== this.#consumer) return;
      const partitions = (assignments ?? []).flatMap(({ topic, partitions: ids }) =>
        ids.map((partition) => ({ topic, partition })),
      );
      onAssigned(partitions);
    });
    const lost = (error: unknown): void => {
      if (consumer === this.#consumer) onLost(error);
    };
    // A failed rejoin is reported as a bare 'error', and no heartbeat follows it.
    consumer.on('error' as 'consumer:heartbeat:stalled', lost);
    consumer.on('consumer:heartbeat:stalled', ({ lastError }) => lost(lastError));
    return consumer;
  }

  /**
   * Replaces the client. The library shares one answer among concurrent calls of an operation, so one call that is never
   * answered blocks all later ones. The old client's member leaves the group.
   */
  async renew(): Promise<void> {
    const old = this.#consumer;
    this.#consumer = this.#newConsumer();
    await this.#end(old);
    await this.removePredecessors();
  }

  async #end(consumer: Consumer): Promise<void> {
    try {
      await within(CLOSE_WITHIN_MS, consumer.close(true));
    } catch (error) {
      this.#options.log.warn('the consumer did not close cleanly', { error: messageOf(error) });
    }
  }

  async #withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Admin({ ...this.#bases, clientId: `${this.#options.clientId}-admin` });
    try {
      return await work(admin);
    } finally {
      await admin.close();
    }
  }

  /** Grows with each rebalance of the group; 0 before the first join. */
  get generation(): number {
    return this.#consumer.generationId;
  }

  /** The topics that exist now. */
  topics(): Promise<string[]> {
    return this.#withAdmin((admin) => admin.listTopics());
  }

  /**
   * Removes members with this worker's client id: a crashed process left them behind, and the group would wait until
   * their session times out. If one is alive, it is a zombie: it joins again, and its transactions cannot commit.
   */
  async removePredecessors(): Promise<void> {
    try {
      await this.#withAdmin(async (admin) => {
        const groups = await admin.describeGroups({ groups: [this.#options.groupId] });
        const members = [...(groups.get(this.#options.groupId)?.members.values() ?? [])];
        const old = members.filter((member) => member.clientId === this.#options.clientId);
        if (old.length === 0) return;
        await admin.removeMembersFromConsumerGroup({
          groupId: this.#options.groupId,
          members: old.map((member) => ({ memberId: member.id, reason: 'its process was restarted' })),
        });
        this.#options.log.info('removed members that an earlier process left behind', {
          members: old.length,
        });
      });
    } catch (error) {
      if (findErrorBy(error instanceof Error ? error : null, 'apiId', 'GROUP_ID_NOT_FOUND') !== null) return;
      this.#options.log.debug('could not remove earlier members; they stay until their session times out', {
        error: messageOf(error),
      });
    }
  }

  /** Joins, also again with other topics; the assignment comes through `onAssigned`. */
  async join(topics: readonly string[]): Promise<void> {
    const { settings } = this.#options;
    for (const topic of [...this.#consumer.topics.current]) {
      if (!topics.includes(topic)) this.#consumer.topics.untrack(topic);
    }
    for (const topic of topics) {
      if (!this.#consumer.topics.has(topic)) this.#consumer.topics.track(topic);
    }
    await within(settings.rebalanceTimeoutMs + JOIN_GRACE_MS, this.#consumer.joinGroup({}));
  }

  /** The cluster's metadata, read now. */
  metadata(topics: readonly string[]): Promise<ClusterMetadata> {
    return this.#consumer.metadata({ topics: [...topics], forceUpdate: true });
  }

  /** The first offset of the log and the end of what is committed, per partition number. */
  async bounds(topic: string): Promise<{ start: readonly bigint[]; end: readonly bigint[] }> {
    const start = await this.#consumer.listOffsets({ topics: [topic], timestamp: EARLIEST });
    const end = await this.#consumer.listOffsets({ topics: [topic], isolationLevel: READ_COMMITTED });
    return { start: start.get(topic) ?? [], end: end.get(topic) ?? [] };
  }

  /** The end of what is committed, per topic and partition number. */
  ends(topics: readonly string[]): Promise<Map<string, bigint[]>> {
    return this.#consumer.listOffsets({ topics: [...topics], isolationLevel: READ_COMMITTED });
  }

  /** The offset that the group has committed to Kafka; undefined if there is none. */
  async committed({ topic, partition }: TopicPartition): Promise<bigint | undefined> {
    const offsets = await this.#consumer.listCommittedOffsets({
      topics: [{ topic, partitions: [partition] }],
    });
    const offset = offsets.get(topic)?.[partition];
    return offset === undefined || offset < 0n ? undefined : offset;
  }

  /** The longest time in milliseconds that one of the topics keeps its records; -1: for ever. */
  async retentionMs(topics: readonly string[]): Promise<number> {
    const described = await this.#withAdmin((admin) =>
      admin.describeConfigs({
        resources: topics.map((resourceName) => ({ resourceType: ConfigResourceTypes.TOPIC, resourceName })),
      }),
    );
    let longest = 0;
    for (const { configs } of described) {
      const get = (name: string): string => configs.find((config) => config.name === name)?.value ?? '';
      const retention = Number(get('retention.ms'));
      if (!get('cleanup.policy').includes('delete') || !(retention >= 0)) return -1;
      longest = Math.max(longest, retention);
    }
    return longest;
  }

  /**
   * One fetch from each broker that leads some of the partitions.
   * @throws LabError CDC-2003 if an offset is out of the log's range.
   */
  async fetch(
    metadata: ClusterMetadata,
    wanted: readonly (TopicPartition & { readonly offset: bigint })[],
  ): Promise<FetchedPartition[]> {
    const nodes = new Map<number, typeof wanted>();
    for (const part of wanted) {
      const leader = metadata.topics.get(part.topic)?.partitions[part.partition]?.leader;
      if (leader === undefined || leader < 0)
        throw new Error(`${part.topic}-${part.partition} has no leader`);
      nodes.set(leader, [...(nodes.get(leader) ?? []), part]);
    }
    const responses = await Promise.all(
      [...nodes].map(([node, parts]) => this.#fetchFrom(node, metadata, parts)),
    );
    return responses.flat();
  }

  async #fetchFrom(
    node: number,
    metadata: ClusterMetadata,
    parts: readonly (TopicPartition & { readonly offset: bigint })[],
  ): Promise<FetchedPartition[]> {
    const byTopic = new Map<string, typeof parts>();
    for (const part of parts) byTopic.set(part.topic, [...(byTopic.get(part.topic) ?? []), part]);
    const names = new Map<string, string>();
    const topics = [...byTopic].map(([topic, list]) => {
      const topicId = metadata.topics.get(topic)?.id ?? '';
      names.set(topicId, topic);
      return {
        topicId,
        partitions: list.map((part) => ({
          partition: part.partition,
          currentLeaderEpoch: -1,
          fetchOffset: part.offset,
          lastFetchedEpoch: -1,
          partitionMaxBytes: this.#options.settings.maxBytesPerPartition,
        })),
      };
    });
    let response: Awaited<ReturnType<Consumer['fetch']>>;
    try {
      response = await this.#consumer.fetch({ node, topics });
    } catch (error) {
      if (findErrorBy(error instanceof Error ? error : null, 'apiId', 'OFFSET_OUT_OF_RANGE') === null)
        throw error;
      throw new LabError('CDC-2003', `an offset that the sink stored is out of the log's range`, {
        remedy:
          'Records were deleted before the sink applied them. Take a new snapshot of the tables, then remove the stored ' +
          'offsets (PUT /connectors/NAME/stop, DELETE /connectors/NAME/offsets).',
        cause: error,
      });
    }
    return response.responses.flatMap((ofTopic) => {
      const topic = names.get(ofTopic.topicId);
      if (topic === undefined) return [];
      return ofTopic.partitions.flatMap((ofPartition) => {
        const asked = parts.find((p) => p.topic === topic && p.partition === ofPartition.partitionIndex);
        // A fetch session can answer for a partition that this request does not name.
        return asked === undefined ? [] : [readCommitted(topic, ofPartition, asked.offset)];
      });
    });
  }

  /** Commits offsets to the group, for tools that show lag; the sink never starts from them. */
  commit(offsets: readonly (TopicPartition & { readonly offset: bigint })[]): Promise<void> {
    return this.#consumer.commit({ offsets: offsets.map((offset) => ({ ...offset, leaderEpoch: -1 })) });
  }

  /** Leaves the group. */
  async close(): Promise<void> {
    await this.#end(this.#consumer);
  }
}
