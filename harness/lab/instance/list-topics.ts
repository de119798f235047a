import type { Admin } from 'kafkajs';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';

const ANSWER_TIMEOUT_MS = 30_000;

/**
 * Names of all topics. If the request fails at every broker, as happens on a busy machine, kafkajs 2.2.4 drops
 * the errors (`brokerPool.withBroker`) and throws a TypeError for the missing answer. So a TypeError is retried.
 * @throws LabError CDC-5152 if no broker answers in time.
 */
export async function listTopics(
  admin: Pick<Admin, 'listTopics'>,
  timeoutMs: number = ANSWER_TIMEOUT_MS,
): Promise<readonly string[]> {
  let cause: unknown;
  const topics = await poll(
    async () => {
      try {
        return await admin.listTopics();
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        cause = error;
        return undefined;
      }
    },
    { withinMs: timeoutMs, everyMs: 100, maxEveryMs: 1_000 },
  );
  if (topics !== undefined) return topics;
  throw new LabError('CDC-5152', `Kafka named no topics within ${timeoutMs} ms.`, {
    remedy: '`cdc-lab logs kafka` shows what the broker is doing.',
    cause,
  });
}
