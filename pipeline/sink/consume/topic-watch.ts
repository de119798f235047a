import type { ClusterMetadata } from '@platformatic/kafka';
import { LabError } from '../../contract/errors.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import type { GroupReader } from './group-reader.ts';

export interface TopicWatchOptions {
  readonly config: Pick<SinkConfig, 'topics' | 'topicsRegex'>;
  readonly reader: Pick<GroupReader, 'topics' | 'metadata'>;
  /** Topics of the owned partitions: none of them may be deleted and created again. */
  readonly inUse: () => readonly string[];
}

/** What {@link TopicWatch.look} found. */
export interface TopicsFound {
  /** A topic or a partition is new, or a topic is gone: the group must be joined again. */
  readonly changed: boolean;
  /** A topic of the list does not exist yet: the source connector creates it with its first record. */
  readonly isMissing: boolean;
}

/** The topics that the sink reads, and the cluster's metadata of them. */
export class TopicWatch {
  readonly #options: TopicWatchOptions;
  #topics: readonly string[] = [];
  #metadata: ClusterMetadata | null = null;

  constructor(options: TopicWatchOptions) {
    this.#options = options;
  }

  /** The topics of the configuration that exist. */
  get topics(): readonly string[] {
    return this.#topics;
  }

  /** As of the last look; null before the first one that found a topic. */
  get metadata(): ClusterMetadata | null {
    return this.#metadata;
  }

  /** Looks for topics and partitions. @throws LabError CDC-2002 if a topic in use was deleted and created again. */
  async look(): Promise<TopicsFound> {
    const { config, reader } = this.#options;
    const { topics, topicsRegex } = config;
    // If every topic of a fixed list is known, only new partitions can appear.
    const isComplete = topicsRegex === null && topics.every((topic) => this.#topics.includes(topic));
    const existing = isComplete ? topics : await reader.topics();
    const matching = existing.filter((name) => topics.includes(name) || topicsRegex?.test(name)).sort();
    const isMissing = matching.length === 0 || topics.some((topic) => !matching.includes(topic));
    if (matching.length === 0) return { changed: false, isMissing };
    const before = this.#metadata;
    const metadata = await reader.metadata(matching);
    const grown = matching.some((topic) => {
      const known = before?.topics.get(topic)?.partitionsCount;
      return known === undefined || known < (metadata.topics.get(topic)?.partitionsCount ?? 0);
    });
    const changed = grown || matching.join() !== this.#topics.join();
    this.#learn(metadata);
    this.#topics = matching;
    return { changed, isMissing };
  }

  /**
   * Reads the metadata again.
   * @param assigned topics of this member's assignment. The group's leader may know a topic that this member has not
   * found yet: it is still read, and {@link look} finds it later.
   * @throws LabError CDC-2002 if a topic in use was deleted and created again.
   */
  async refresh(assigned: readonly string[] = []): Promise<ClusterMetadata> {
    const topics = new Set([...this.#topics, ...this.#options.inUse(), ...assigned]);
    const metadata = await this.#options.reader.metadata([...topics]);
    this.#learn(metadata);
    return metadata;
  }

  #learn(now: ClusterMetadata): void {
    for (const topic of this.#options.inUse()) {
      const id = this.#metadata?.topics.get(topic)?.id;
      const newId = now.topics.get(topic)?.id;
      if (id !== undefined && newId !== undefined && id !== newId) {
        throw new LabError('CDC-2002', `topic ${topic} was deleted and created again under a running sink`, {
          remedy:
            'Take a new snapshot of the tables, then remove the stored offsets (DELETE /connectors/NAME/offsets).',
        });
      }
    }
    this.#metadata = now;
  }
}
