import kafkajs, { type Admin } from 'kafkajs';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';
import { listTopics } from './list-topics.ts';

const GONE_TIMEOUT_MS = 60_000;
/** Pause before a topic that is still named is deleted again: kafkajs retries for 9 s if it has gone already. */
const AGAIN_MS = 5_000;

/**
 * Deletes all topics that are `mine`, and waits until the broker no longer names any. The controller confirms a
 * deletion as soon as it is in the metadata log; brokers learn of it later, and still name the topic until then.
 * A topic that a killed capture requested last may also appear, or reappear, after the first look.
 * @throws LabError CDC-5153 if some are still named at the deadline.
 */
export async function dropTopics(
  admin: Pick<Admin, 'listTopics' | 'deleteTopics'>,
  mine: (topic: string) => boolean,
  { timeoutMs = GONE_TIMEOUT_MS, againMs = AGAIN_MS } = {},
): Promise<void> {
  const askedAt = new Map<string, number>();
  let named: readonly string[] = [];
  const gone = await poll(
    async () => {
      named = (await listTopics(admin)).filter(mine);
      const now = performance.now();
      const topics = named.filter((topic) => now - (askedAt.get(topic) ?? -againMs) >= againMs);
      if (topics.length > 0) await deleteThem(admin, topics);
      for (const topic of topics) askedAt.set(topic, performance.now());
      return named.length === 0 ? true : undefined;
    },
    { withinMs: timeoutMs, everyMs: 10, maxEveryMs: 200 },
  );
  if (gone !== undefined) return;
  throw new LabError('CDC-5153', `Kafka still has ${named.join(', ')} ${timeoutMs} ms after the deletion.`, {
    remedy: '`cdc-lab logs kafka` shows what the broker is doing.',
  });
}

/** If one has gone already, for the controller if not yet for this broker, the others are still deleted. */
async function deleteThem(admin: Pick<Admin, 'deleteTopics'>, topics: string[]): Promise<void> {
  try {
    await admin.deleteTopics({ topics });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof kafkajs.KafkaJSProtocolError && cause.type === 'UNKNOWN_TOPIC_OR_PARTITION') return;
    throw error;
  }
}
