import type { Admin } from 'kafkajs';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';

const ANSWER_TIMEOUT_MS = 30_000;

/**
 * Names of all topics. Where a request to every broker fails, kafkajs 2.2.4 drops why (`brokerPool.withBroker`) and trips
 * over the null that it has instead of an answer; on a busy machine that happens. So the question is asked again.
 * @throws LabError CDC-5152 where no broker has answered in time.
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
    remedy: '`cdc-lab logs kafka` tells how the broker is.',
    cause,
  });
}
