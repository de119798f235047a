import { ConnectClient } from '../../connect/connect-client.ts';
import { sinkWorkers } from '../../lab/instance/sink-workers.ts';
import { until } from '../../wait.ts';
import type { Drill } from './drill.ts';

/** Covers a killed worker's session (10 s) and `scheduled.rebalance.max.delay.ms`, on a machine under load. */
const WITHIN_MS = 120_000;

/**
 * Waits until the sink's tasks run on exactly these workers of its Connect cluster.
 * @returns how many tasks there are.
 */
export async function untilTasksRunOn(drill: Drill, services: readonly string[]): Promise<number> {
  const wanted = sinkWorkers(drill.instance).filter(({ service }) => services.includes(service));
  const [asked] = wanted;
  if (asked === undefined) throw new Error(`no such worker: ${services.join()}`);
  const client = new ConnectClient({ baseUrl: asked.url });
  const places = wanted.map(({ url }) => new URL(url).host).sort();
  return await until(
    async () => {
      const { tasks } = await client.status(drill.instance.connectors.sink);
      const running = tasks.every(({ state }) => state === 'RUNNING');
      const now = [...new Set(tasks.map(({ worker_id }) => worker_id))].sort();
      return running && now.join() === places.join() ? tasks.length : undefined;
    },
    { what: `the sink's tasks to run on ${services.join(' and ')}`, withinMs: WITHIN_MS },
  );
}
