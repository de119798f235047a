import { randomUUID } from 'node:crypto';
import type { Admin } from 'kafkajs';
import { expect, inject, test } from 'vitest';
import { createTopic } from '../../../fixtures/testing/create-topic.ts';
import { quietKafka } from '../../../verifier/connection/quiet-kafka.ts';
import { dropTopics } from './drop-topics.ts';

/** A new client for each step: kafkajs keeps asking for every topic that it has once used. */
async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const kafka = quietKafka({ brokers: [inject('bootstrapServers')] });
  // It would also retry the deletion of an unknown topic five times.
  const admin = kafka.admin({ retry: { retries: 0 } });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

test('the broker names none of them when the drop is done, and one that was gone already does no harm', async () => {
  const run = randomUUID();
  const [mine, gone, kept] = [`drop.${run}.`, `gone.${run}`, `kept.${run}`];
  for (const topic of [`${mine}a`, `${mine}b`, kept]) {
    await withAdmin((admin) => createTopic(admin, topic, 3));
  }
  const isMine = (topic: string) => topic === gone || topic.startsWith(mine);
  await withAdmin(async (admin) => {
    const stale = [gone];
    const listTopics = async () => [...(await admin.listTopics()), ...stale.splice(0)];
    await dropTopics({ listTopics, deleteTopics: admin.deleteTopics }, isMine);
  });
  const left = await withAdmin((admin) => admin.listTopics());
  expect(left.filter(isMine)).toEqual([]);
  expect(left).toContain(kept);
  await withAdmin((admin) => dropTopics(admin, (topic) => topic === kept));
});
