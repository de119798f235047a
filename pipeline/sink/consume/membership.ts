import type { ClusterMetadata } from '@platformatic/kafka';
import type { TaskContext } from '../../contract/connector.ts';
import { messageOf } from '../../contract/errors.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import { GroupCommits } from './group-commits.ts';
import { GroupReader, type TopicPartition } from './group-reader.ts';
import { TopicWatch } from './topic-watch.ts';

/** How soon to look again for a topic that does not exist yet. */
const LOOK_AGAIN_MS = 500;
const COMMIT_WITHIN_MS = 5_000;

export interface MembershipOptions {
  readonly config: SinkConfig;
  readonly context: TaskContext;
  readonly groupId: string;
  readonly clientId: string;
  /** Topics of the partitions that are owned. */
  readonly inUse: () => readonly string[];
  /** The membership or the assignment changed. */
  readonly onChange: () => void;
}

/** The task's membership in the consumer group: finds topics, joins, commits, and replaces a client that is stuck. */
export class Membership {
  readonly reader: GroupReader;
  readonly #options: MembershipOptions;
  readonly #commits: GroupCommits;
  readonly #watch: TopicWatch;
  #assigned: readonly TopicPartition[] | null = null;
  #isJoined = false;
  #isStuck = false;
  #lookAtMs = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { config, context, groupId, clientId, inUse, onChange } = options;
    const { log, bootstrapServers } = context;
    this.reader = new GroupReader({
      groupId,
      clientId,
      bootstrapServers,
      settings: config.consumer,
      log,
      onAssigned: (partitions) => {
        this.#assigned = partitions;
        this.#isJoined = true;
        onChange();
      },
      onLost: (error) => {
        log.warn('lost the membership in the consumer group; joining again', { error: messageOf(error) });
        this.#isJoined = false;
        onChange();
      },
    });
    this.#watch = new TopicWatch({ config, reader: this.reader, inUse });
    this.#commits = new GroupCommits({
      commit: (partitions) => this.reader.commit(partitions),
      isMember: () => this.#isJoined,
      onStuck: () => {
        this.#isStuck = true;
        this.#isJoined = false;
        onChange();
      },
      log,
      answerWithinMs: COMMIT_WITHIN_MS,
      // Commits may fail for as long as a rebalance may take.
      stuckAfterMs: config.consumer.rebalanceTimeoutMs + COMMIT_WITHIN_MS,
    });
  }

  get isJoined(): boolean {
    return this.#isJoined;
  }

  /** True if topics exist that the task should read, and it is not a member. */
  get mustJoin(): boolean {
    return this.#watch.topics.length > 0 && !this.#isJoined;
  }

  /** True if {@link takeAssignment} has a new assignment. */
  get isReassigned(): boolean {
    return this.#assigned !== null;
  }

  /** The topics of the configuration that exist. */
  get topics(): readonly string[] {
    return this.#watch.topics;
  }

  /** The cluster as of the last look; null before the first one that found a topic. */
  get metadata(): ClusterMetadata | null {
    return this.#watch.metadata;
  }

  /** The newest assignment, once; null if there is none since the last call. */
  takeAssignment(): readonly TopicPartition[] | null {
    const assigned = this.#assigned;
    this.#assigned = null;
    return assigned;
  }

  /** True if it is time to {@link look} for topics. */
  mustLook(nowMs: number): boolean {
    return nowMs >= this.#lookAtMs;
  }

  /** Looks for new topics and partitions: they mean joining again. */
  async look(nowMs: number): Promise<void> {
    const { metadataMaxAgeMs } = this.#options.config.consumer;
    const { changed, isMissing } = await this.#watch.look();
    this.#lookAtMs = nowMs + (isMissing ? Math.min(LOOK_AGAIN_MS, metadataMaxAgeMs) : metadataMaxAgeMs);
    if (changed) this.#isJoined = false;
  }

  /** Reads the cluster's metadata again. @throws LabError CDC-2002 as {@link TopicWatch.refresh}. */
  refresh(assigned: readonly string[] = []): Promise<ClusterMetadata> {
    return this.#watch.refresh(assigned);
  }

  /** Joins the group with the topics found. Never during a commit: each would use the other's generation. */
  async join(): Promise<void> {
    await this.#commits.settled();
    if (this.#isStuck) {
      this.#options.context.log.info('the Kafka client is stuck; replacing it');
      await this.reader.renew();
      this.#isStuck = false;
    }
    try {
      await this.reader.join(this.#watch.topics);
    } catch (error) {
      this.#isStuck = true;
      throw error;
    }
  }

  /** Another owner was seen: joins again, unless a new assignment is waiting. */
  rejoin(): void {
    if (this.#assigned === null) this.#isJoined = false;
    this.#options.onChange();
  }

  /** Commits an offset to the group, soon. */
  commit(partition: TopicPartition, offset: bigint): void {
    this.#commits.note(partition, offset);
  }

  /** Drops offsets that are not committed yet: another member may own their partitions from now on. */
  forgetCommits(): void {
    this.#commits.forget();
  }

  /** Leaves the group. */
  async close(): Promise<void> {
    await this.#commits.settled();
    await this.reader.close();
    this.#isJoined = false;
  }
}
