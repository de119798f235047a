import type { ClusterMetadata } from '@platformatic/kafka';
import { LabError } from '../../contract/errors.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import type { GroupReader } from './group-reader.ts';

export interface TopicWatchOptions {
  readonly config: Pick<SinkConfig, 'topics' | 'topicsRegex'>;
  readonly reader: Pick<GroupReader, 'topics' | 'metadata'>;
  /** Topics that partitions are owned of: these must stay the ones they are. */
  readonly inUse: () => readonly string[];
}

/** What a look at the topics found. */
export interface TopicsFound {
  /** A topic or a partition is new, or a topic is gone: the group must be joined again. */
  readonly changed: boolean;
  /** A topic of the list is not there yet: the source connector makes it when it first writes to it. */
  readonly isMissing: boolean;
}

/** The topics that the sink reads, and what the cluster says of them. */
export class TopicWatch {
  readonly #options: TopicWatchOptions;
  #topics: readonly string[] = [];
  #metadata: ClusterMetadata | null = null;

  constructor(options: TopicWatchOptions) {
    this.#options = options;
  }

  /** Those of the configuration that exist. */
  get topics(): readonly string[] {
    return this.#topics;
  }

  /** As of the last look; null before the first that found a topic. */
  get metadata(): ClusterMetadata | null {
    return this.#metadata;
  }

  /** @throws LabError CDC-2002 where a topic in use is another one by the same name. */
  async look(): Promise<TopicsFound> {
    const { config, reader } = this.#options;
    const { topics, topicsRegex } = config;
    // With every topic of a fixed list at hand there is nothing to look for but new partitions.
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
   * @param assigned topics that the group has given to this member. The member that assigns may have found one that
   * this one has not: it is read all the same, and {@link look} then joins with it.
   * @throws LabError CDC-2002 where a topic in use is another one by the same name.
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
          remedy: 'Take a new snapshot, then remove the stored offsets (DELETE /connectors/NAME/offsets).',
        });
      }
    }
    this.#metadata = now;
  }
}
