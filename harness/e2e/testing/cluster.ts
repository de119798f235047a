import { z } from 'zod';
import { OFFSETS_TABLE } from '../../../pipeline/contract/sink-tables.ts';
import { kafkaClient } from '../../access/live-access.ts';
import { sinkWorkers } from '../../lab/instance/sink-workers.ts';
import type { SinkWorker } from '../../lab/lab.ts';
import { until } from '../../wait.ts';
import type { Drill } from './drill.ts';

/** For brokers and groups under load, on a machine that does other things too. */
const WITHIN_MS = 60_000;
const LOOK_WITHIN_MS = 5_000;

const healthSchema = z.object({
  components: z.array(z.object({ component: z.string(), detail: z.string() })),
});

interface Partition {
  readonly name: string;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

/** Every partition of the pipeline's topics and of `__consumer_offsets`, as the brokers report them. */
export async function partitions(drill: Drill): Promise<readonly Partition[]> {
  const { instance } = drill;
  const admin = kafkaClient(instance).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata();
    const mine = topics.filter(
      ({ name }) => name.startsWith(instance.topicPrefix) || name === `connect-offsets-${instance.name}`,
    );
    const all = [...mine, ...topics.filter(({ name }) => name === '__consumer_offsets')];
    return all.flatMap(({ name, partitions: of }) =>
      of.map(({ partitionId, leader, replicas, isr }) => ({
        name: `${name}-${partitionId}`,
        leader,
        replicas,
        inSync: isr,
      })),
    );
  } finally {
    await admin.disconnect();
  }
}

/** Node id of the broker that leads the first partition of the orders. */
export async function leaderOfOrders(drill: Drill): Promise<number> {
  const name = `${drill.instance.topicPrefix}.public.orders-0`;
  const orders = (await partitions(drill)).find((partition) => partition.name === name);
  if (orders === undefined || orders.leader < 1) throw new Error(`${name} has no leader`);
  return orders.leader;
}

/** The name of a broker's service. */
export function brokerService(nodeId: number): string {
  return nodeId === 1 ? 'kafka' : `kafka-${nodeId}`;
}

/** Waits until every copy of every partition is in sync: only then may the next broker be stopped. */
export async function untilReplicated(drill: Drill): Promise<void> {
  const behind = async () => (await partitions(drill)).filter((p) => p.inSync.length < p.replicas.length);
  await until(async () => (await behind()).length === 0, {
    what: 'every copy of every partition to be in sync',
    withinMs: WITHIN_MS,
  });
}

/** A sink worker's membership in the group, as it reports it; undefined while it is not a member. */
export async function membership(
  worker: SinkWorker,
): Promise<{ readonly partitions: number; readonly generation: number } | undefined> {
  const answer = await fetch(`${worker.url}/health`, { signal: AbortSignal.timeout(LOOK_WITHIN_MS) });
  const { components } = healthSchema.parse(await answer.json());
  const said = components.find(({ component }) => component.endsWith('/consumer-group'))?.detail ?? '';
  const [, owned, generation] = /^(\d+) partitions assigned, generation (\d+)$/.exec(said) ?? [];
  return owned === undefined ? undefined : { partitions: Number(owned), generation: Number(generation) };
}

/** How many partitions each worker owns, by the sink database, which decides. */
export async function owners(drill: Drill): Promise<ReadonlyMap<string, number>> {
  const rows = await drill.sink(`SELECT owner, count(*)::int AS n FROM ${OFFSETS_TABLE} GROUP BY owner`);
  return new Map(rows.map(({ owner, n }) => [String(owner), Number(n)]));
}

/**
 * Waits until exactly these workers own the partitions, in one generation of the group.
 * @returns the generation.
 */
export function untilOwnedBy(drill: Drill, services: readonly string[]): Promise<number> {
  const wanted = sinkWorkers(drill.instance).filter(({ service }) => services.includes(service));
  const shared = async (): Promise<number | undefined> => {
    const now = await owners(drill);
    if ([...now.keys()].sort().join() !== [...services].sort().join()) return undefined;
    const members = await Promise.all(wanted.map(membership));
    const generations = new Set(members.map((member) => member?.generation));
    const [generation] = generations;
    return generations.size === 1 ? generation : undefined;
  };
  return until(shared, { what: `${services.join(' and ')} to share the partitions`, withinMs: WITHIN_MS });
}
