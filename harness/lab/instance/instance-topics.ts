import type { Admin } from 'kafkajs';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { quietKafka } from '../../../verifier/connection/quiet-kafka.ts';
import { poll } from '../../wait.ts';
import { connectNames } from './connect-worker.ts';
import { dropTopics } from './drop-topics.ts';
import { clusterOf, type InstancePlan } from './instance-plan.ts';
import { listTopics } from './list-topics.ts';

/** A killed member keeps its group from being deleted until its session ends; waiting for that is not worth it. */
const GROUP_TIMEOUT_MS = 500;
const TOPICS_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** Deletes the instance's topics and its consumer group, if they exist. */
export async function dropTopicsAndGroup(plan: InstancePlan): Promise<void> {
  await withAdmin(plan.bootstrapServers, async (admin) => {
    const clusters = (['capture', 'sink'] as const).map((role) => connectNames(clusterOf(plan, role)));
    const internal = clusters.flatMap(({ topics }) => Object.values(topics));
    const named = new Set([plan.offsetsTopic, `__debezium-heartbeat.${plan.topicPrefix}`, ...internal]);
    await dropTopics(admin, (topic) => topic.startsWith(`${plan.topicPrefix}.`) || named.has(topic));
    for (const group of [plan.consumerGroup, ...clusters.map((cluster) => cluster.group)]) {
      await poll(async () => ((await deleteGroup(admin, group)) ? true : undefined), {
        withinMs: GROUP_TIMEOUT_MS,
        everyMs: 100,
        maxEveryMs: 200,
      });
    }
  });
}

/**
 * Waits until the topics exist. A Connect source creates each with its first record, and a consumer that
 * subscribes before that notices the topic only when its metadata expire, after five minutes.
 * @throws LabError CDC-5142 if they do not appear in time.
 */
export async function waitForTopics(
  plan: Pick<InstancePlan, 'bootstrapServers'> & { readonly services: { readonly capture: string } },
  wanted: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  await withAdmin(plan.bootstrapServers, async (admin) => {
    let missing = wanted;
    const there = await poll(
      async () => {
        const topics = new Set(await listTopics(admin));
        missing = wanted.filter((topic) => !topics.has(topic));
        return missing.length === 0 ? true : undefined;
      },
      { withinMs: TOPICS_TIMEOUT_MS, everyMs: 100, maxEveryMs: 200, signal },
    );
    if (there !== undefined) return;
    throw new LabError(
      'CDC-5142',
      `The capture has not created ${missing.join(', ')} within ${TOPICS_TIMEOUT_MS} ms.`,
      {
        remedy: `\`cdc-lab logs ${plan.services.capture}\` shows what it is doing instead.`,
      },
    );
  });
}

const CREATION_KEYS = 'topic.creation.default.';

/**
 * Creates the topics that do not exist, with the partitions and the configuration that the capture would give them:
 * not every consumer waits for a topic that its first record creates.
 * @param config The capture's configuration, with `topic.creation.default.…` as in Kafka Connect.
 */
export async function createTopics(
  { bootstrapServers }: Pick<InstancePlan, 'bootstrapServers'>,
  topics: readonly string[],
  config: Readonly<Record<string, string>>,
): Promise<void> {
  const given = new Map(
    Object.entries(config)
      .filter(([key]) => key.startsWith(CREATION_KEYS))
      .map(([key, value]) => [key.slice(CREATION_KEYS.length), value]),
  );
  const numPartitions = Number(given.get('partitions') ?? 1);
  // -1 is the broker's default: KIP-464.
  const replicationFactor = Number(given.get('replication.factor') ?? -1);
  const configEntries = [...given]
    .filter(([name]) => name !== 'partitions' && name !== 'replication.factor')
    .map(([name, value]) => ({ name, value }));
  await withAdmin(bootstrapServers, (admin) =>
    admin.createTopics({
      topics: topics.map((topic) => ({ topic, numPartitions, replicationFactor, configEntries })),
    }),
  );
}

/** Deletes the consumer groups of dropped instances that still had members when the instance was dropped. */
export async function dropEmptyGroups(
  bootstrapServers: readonly string[],
  inUse: ReadonlySet<string>,
): Promise<void> {
  await withAdmin(bootstrapServers, async (admin) => {
    const { groups } = await admin.listGroups();
    const stray = groups
      .map((group) => group.groupId)
      .filter((id) => id.startsWith('connect-') && !inUse.has(id));
    await Promise.all(stray.map((group) => deleteGroup(admin, group)));
  });
}

/** @returns false while the group has members. */
async function deleteGroup(admin: Admin, group: string): Promise<boolean> {
  const { groups } = await admin.describeGroups([group]);
  const state = groups[0]?.state;
  if (state === 'Dead' || state === undefined) return true;
  if (state !== 'Empty') return false;
  await admin.deleteGroups([group]);
  return true;
}

async function withAdmin<T>(
  bootstrapServers: readonly string[],
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = quietKafka({
    clientId: 'cdc-lab',
    brokers: [...bootstrapServers],
    // kafkajs's default of 1 s is too short on a machine where Java virtual machines start.
    connectionTimeout: CONNECT_TIMEOUT_MS,
  }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}
