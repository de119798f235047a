import { randomUUID } from 'node:crypto';
import { ConfigResourceTypes } from 'kafkajs';
import { expect, inject, test } from 'vitest';
import { quietKafka } from '../../../verifier/connection/quiet-kafka.ts';
import { createTopics } from './instance-topics.ts';

test('topics get the partitions and the configuration that the capture would give them, and may exist', async () => {
  const admin = quietKafka({ brokers: [inject('bootstrapServers')] }).admin();
  await admin.connect();
  const [first, second] = [`created-${randomUUID()}`, `created-${randomUUID()}`];
  const plan = { bootstrapServers: [inject('bootstrapServers')] };
  const config = {
    'topic.prefix': 'p',
    'topic.creation.default.partitions': '3',
    'topic.creation.default.replication.factor': '-1',
    'topic.creation.default.cleanup.policy': 'compact',
  };
  try {
    await createTopics(plan, [first], config);
    await createTopics(plan, [first, second], { ...config, 'topic.creation.default.partitions': '2' });
    const { topics } = await admin.fetchTopicMetadata({ topics: [first, second] });
    const counts = topics.map(({ name, partitions }) => [name, partitions.length]);
    expect(Object.fromEntries(counts)).toEqual({ [first]: 3, [second]: 2 });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: first, configNames: ['cleanup.policy'] }],
    });
    expect(resources[0]?.configEntries[0]?.configValue).toBe('compact');
  } finally {
    await admin.deleteTopics({ topics: [first, second] }).catch(() => undefined);
    await admin.disconnect();
  }
});
