import kafkajs, { type Admin } from 'kafkajs';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';
import { listTopics } from './list-topics.ts';

const GONE_TIMEOUT_MS = 60_000;
/** So long is waited before one that is named still is deleted again: kafkajs tries for 9 s where it is gone already. */
const AGAIN_MS = 5_000;

/**
 * Deletes all topics that are `mine`, and waits until the broker names none any more. The controller says yes as soon as
 * its metadata log has it; a broker hears of that later, and until then goes on to name what is gone. And what a killed
 * capture had asked for last may come only after the first look, or come again.
 * @throws LabError CDC-5153 where some are still named then.
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
    remedy: '`cdc-lab logs kafka` tells how the broker is.',
  });
}

/** Where one is gone already, for the controller if not for this broker, the others are deleted all the same. */
async function deleteThem(admin: Pick<Admin, 'deleteTopics'>, topics: string[]): Promise<void> {
  try {
    await admin.deleteTopics({ topics });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof kafkajs.KafkaJSProtocolError && cause.type === 'UNKNOWN_TOPIC_OR_PARTITION') return;
    throw error;
  }
}
