import { type Admin, findErrorBy } from '@platformatic/kafka';
import { LabError } from '../../contract/errors.ts';
import { LEAVE_OUT } from '../../contract/remedies.ts';
import { sleep } from '../../contract/wake.ts';
import type { SourceConfig } from '../config/source-config.ts';
import { permanentKafkaError, topicExists } from './kafka-clients.ts';

/** Creates topics before their first record is sent, and knows how many partitions each has. */
export class TopicRegistry {
  readonly #admin: Admin;
  readonly #config: SourceConfig['topics'];
  readonly #partitions = new Map<string, number>();

  constructor(admin: Admin, config: SourceConfig['topics']) {
    this.#admin = admin;
    this.#config = config;
  }

  /** Undefined until {@link ensure} has seen the topic. */
  partitionsOf(topic: string): number | undefined {
    return this.#partitions.get(topic);
  }

  /** Creates missing topics. Existing ones stay as they are. */
  async ensure(topics: Iterable<string>): Promise<void> {
    const unknown = [...new Set(topics)].filter((topic) => !this.#partitions.has(topic));
    if (unknown.length === 0) return;
    const existing = new Set(await this.#admin.listTopics({ includeInternals: true }));
    for (const topic of unknown.filter((name) => !existing.has(name))) {
      await createTopic(this.#admin, topic, this.#config);
    }
    const metadata = await topicMetadata(this.#admin, unknown);
    for (const [topic, { partitionsCount }] of metadata) this.#partitions.set(topic, partitionsCount);
  }
}

/** For a moment, a broker's metadata lacks a topic that was just created. */
const METADATA_DEADLINE_MS = 5_000;
const METADATA_EVERY_MS = 50;

/** Metadata of topics that exist or were just created. @throws the library's error after a deadline. */
export async function topicMetadata(
  admin: Admin,
  topics: readonly string[],
): Promise<ReadonlyMap<string, TopicMetadata>> {
  const deadline = AbortSignal.timeout(METADATA_DEADLINE_MS);
  for (;;) {
    try {
      const metadata = await admin.metadata({ topics: [...topics], forceUpdate: true });
      const known = topics.flatMap((topic) => {
        const found = metadata.topics.get(topic);
        return found && hasLeaders(found) ? [[topic, found] as const] : [];
      });
      if (known.length === topics.length) return new Map(known);
      if (deadline.aborted) throw new Error(`Kafka has no metadata of ${topics.join(', ')}.`);
    } catch (error) {
      if (deadline.aborted || !isUnknownTopic(error)) throw error;
    }
    await sleep(METADATA_EVERY_MS, deadline);
  }
}

type TopicMetadata =
  Awaited<ReturnType<Admin['metadata']>>['topics'] extends Map<string, infer T> ? T : never;

function hasLeaders({ partitions, partitionsCount }: TopicMetadata): boolean {
  return partitionsCount > 0 && partitions.every(({ leader }) => leader >= 0);
}

function isUnknownTopic(error: unknown): boolean {
  return error instanceof Error && /Unknown topic/.test(error.message);
}

/** Creates one topic. It is no error if the topic exists. */
export async function createTopic(
  admin: Admin,
  topic: string,
  config: SourceConfig['topics'],
): Promise<void> {
  try {
    await admin.createTopics({
      topics: [topic],
      partitions: config.partitions,
      // -1 is the broker's default: KIP-464.
      replicas: config.replicationFactor,
      configs: Object.entries(config.configs).map(([name, value]) => ({ name, value })),
    });
  } catch (error) {
    if (topicExists(error)) return;
    const permanent = permanentKafkaError(error);
    throw permanent === undefined ? error : refusedTopic(topic, permanent, error);
  }
}

/** The broker's reason, which the library has in an error below its own. */
function refusedTopic(topic: string, name: string, error: unknown): LabError {
  const reason = error instanceof Error ? findErrorBy(error, 'apiId', name) : null;
  const detail = (reason as { serverErrorMessage?: unknown } | null)?.serverErrorMessage;
  return new LabError(
    'CDC-1041',
    `Kafka refused to create the topic ${topic}: ${name}${typeof detail === 'string' ? `, ${detail}` : ''}.`,
    {
      cause: error,
      remedy:
        'Topics are named PREFIX.SCHEMA.TABLE, and two names must not differ only in "." and "_": change topic.prefix, ' +
        `${LEAVE_OUT}, or correct the topic.creation.default keys.`,
    },
  );
}
