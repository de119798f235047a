import { type Admin, Kafka, logLevel } from 'kafkajs';
import { waitUntil } from '../runtimes/wait.ts';
import type { InstancePlan } from './instance-plan.ts';

/** A member that was killed keeps its group from being deleted until its session ends; nobody waits for that. */
const GROUP_TIMEOUT_MS = 500;

/** Deletes the instance's topics and its consumer group, where they are. */
export async function dropTopicsAndGroup(plan: InstancePlan): Promise<void> {
  await withAdmin(plan.bootstrapServers, async (admin) => {
    const mine = (await admin.listTopics()).filter(
      (topic) => topic.startsWith(`${plan.topicPrefix}.`) || topic === plan.offsetsTopic,
    );
    if (mine.length > 0) await admin.deleteTopics({ topics: mine });
    await waitUntil(async () => ((await deleteGroup(admin, plan.consumerGroup)) ? true : undefined), {
      timeoutMs: GROUP_TIMEOUT_MS,
      pauseMs: 100,
    });
  });
}

/** Groups of instances that are gone, whose members were still there when those were dropped. */
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

/** False while it has members. */
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
  const admin = new Kafka({
    clientId: 'cdc-lab',
    brokers: [...bootstrapServers],
    logLevel: logLevel.NOTHING,
  }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}
