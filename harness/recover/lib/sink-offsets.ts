import type { Admin } from 'kafkajs';
import { OFFSETS_TABLE } from '../../../pipeline/contract/sink-tables.ts';
import { kafkaClient, tableTopics } from '../../access/live-access.ts';
import { listTopics } from '../../lab/instance/list-topics.ts';
import type { Instance } from '../../lab/lab.ts';
import type { RecoveryContext } from '../../plugins/recovery.ts';

type Within = Pick<RecoveryContext, 'instance' | 'access'>;

/** Where the sink is in one partition. */
export interface SinkOffset {
  readonly topic: string;
  readonly partition: number;
  /** In the offset table of the lab's own sink: what counts there. Null: there is none. */
  readonly stored: bigint | null;
  /** Of the consumer group. Null: it has committed nothing. */
  readonly committed: bigint | null;
  /** The oldest record that Kafka still has. */
  readonly first: bigint;
  readonly end: bigint;
}

/** The next offset that the sink would read: what its table says, else its group, else the oldest record. */
export function nextOf({ stored, committed, first }: SinkOffset): bigint {
  return stored ?? committed ?? first;
}

/** With a Kafka admin client that is closed afterwards. */
export async function withAdmin<T>(instance: Instance, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafkaClient(instance).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Offsets of every partition of the pipeline's table topics. */
export async function sinkOffsets({ instance, access }: Within): Promise<SinkOffset[]> {
  const stored = await storedOffsets({ instance, access });
  return withAdmin(instance, async (admin) => {
    const topics = tableTopics(await listTopics(admin), instance.topicPrefix);
    if (topics.length === 0) return [];
    const groups = await admin.fetchOffsets({ groupId: instance.consumerGroup, topics });
    const committed = new Map<string, bigint>(
      groups.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => [`${topic}/${partition}`, BigInt(offset)] as const),
      ),
    );
    const rows: SinkOffset[] = [];
    for (const topic of topics) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        const at = `${topic}/${partition}`;
        const own = committed.get(at) ?? -1n;
        const place = { topic, partition, first: BigInt(low), end: BigInt(high) };
        rows.push({ ...place, stored: stored.get(at) ?? null, committed: own < 0n ? null : own });
      }
    }
    return rows.sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition);
  });
}

/** How many members the sink's consumer group has. */
export async function groupMembers(instance: Instance): Promise<number> {
  return withAdmin(instance, async (admin) => {
    const { groups } = await admin.describeGroups([instance.consumerGroup]);
    return groups.reduce((sum, { members }) => sum + members.length, 0);
  });
}

/** By `topic/partition`; empty where the sink keeps no such table, as another engine's. */
async function storedOffsets({ instance, access }: Within): Promise<ReadonlyMap<string, bigint>> {
  const [there] = await access.query('sink', 'SELECT to_regclass($1) IS NOT NULL AS is', [OFFSETS_TABLE]);
  if (there?.is !== true) return new Map();
  const rows = await access.query(
    'sink',
    `SELECT topic, partition, next_offset::text AS next FROM ${OFFSETS_TABLE} WHERE connector = $1`,
    [instance.connectors.sink],
  );
  return new Map(rows.map(({ topic, partition, next }) => [`${topic}/${partition}`, BigInt(String(next))]));
}
