import { setTimeout as sleep } from 'node:timers/promises';
import { type Admin, type Kafka, KafkaJSProtocolError } from 'kafkajs';

/** A broker that is busy may not host a new topic yet, or still load the group. */
const ATTEMPTS = 50;
const RETRY_MS = 200;

/**
 * Makes a topic of one partition. kafkajs's own wait for its leader fails where the broker does not know the topic at
 * its first look.
 */
export async function createTopic(admin: Admin, topic: string): Promise<void> {
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: false });
  await untilReady(async () => {
    await admin.fetchTopicOffsets(topic);
  });
}

/**
 * Commits a group's offset in partition 0. The admin client's own way reads on for as long as a fetch may wait, which is
 * five seconds each time.
 */
export async function commitOffset(
  kafka: Kafka,
  groupId: string,
  topic: string,
  offset: string,
): Promise<void> {
  await untilReady(() => commitOnce(kafka, groupId, topic, offset));
}

async function untilReady(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof KafkaJSProtocolError && error.retriable) || attempt === ATTEMPTS) throw error;
      await sleep(RETRY_MS);
    }
  }
}

async function commitOnce(kafka: Kafka, groupId: string, topic: string, offset: string): Promise<void> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 20 });
  const joined = Promise.withResolvers<void>();
  consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve());
  consumer.on(consumer.events.CRASH, ({ payload }) => joined.reject(payload.error));
  // Nobody waits for it where an earlier step fails.
  joined.promise.catch(() => undefined);
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async () => undefined });
    await joined.promise;
    await consumer.commitOffsets([{ topic, partition: 0, offset }]);
  } finally {
    await consumer.disconnect();
  }
}
