import kafkajs, { type Admin } from 'kafkajs';
import { LabError } from '../../pipeline/contract/errors.ts';
import { waitUntil } from '../runtimes/wait.ts';
import { listTopics } from './list-topics.ts';

const GONE_TIMEOUT_MS = 60_000;

/**
 * Deletes all topics that are `mine`, and waits until the broker names none any more. The controller says yes as soon as
 * its metadata log has it; a broker hears of that later, and until then goes on to name what is gone. And what a killed
 * capture had asked for last may come only after the first look.
 * @throws LabError CDC-5153 where some are still named then.
 */
export async function dropTopics(
  admin: Pick<Admin, 'listTopics' | 'deleteTopics'>,
  mine: (topic: string) => boolean,
  timeoutMs: number = GONE_TIMEOUT_MS,
): Promise<void> {
  const deleted = new Set<string>();
  let named: readonly string[] = [];
  const gone = await waitUntil(
    async () => {
      named = (await listTopics(admin)).filter(mine);
      const topics = named.filter((topic) => !deleted.has(topic));
      if (topics.length > 0 && (await areDeleted(admin, topics)))
        for (const topic of topics) deleted.add(topic);
      return named.length === 0 ? true : undefined;
    },
    { timeoutMs },
  );
  if (gone !== undefined) return;
  throw new LabError('CDC-5153', `Kafka still has ${named.join(', ')} ${timeoutMs} ms after the deletion.`, {
    remedy: '`cdc-lab logs kafka` tells how the broker is.',
  });
}

/** False where one was gone already, deleted by a process that was killed, say: then each is asked for again that is named. */
async function areDeleted(admin: Pick<Admin, 'deleteTopics'>, topics: string[]): Promise<boolean> {
  try {
    await admin.deleteTopics({ topics });
    return true;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof kafkajs.KafkaJSProtocolError && cause.type === 'UNKNOWN_TOPIC_OR_PARTITION')
      return false;
    throw error;
  }
}
