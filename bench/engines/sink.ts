import { withDatabase } from '../../fixtures/database.ts';
import { ConnectClient } from '../../harness/connect/connect-client.ts';
import type { SinkEngine } from '../../harness/lab/engines.ts';
import type { BenchContext } from '../lib/bench.ts';
import { BENCH_TABLE, TopicEnd, untilInSink, untilReached, withPipeline } from '../lib/pipeline.ts';
import { cpuMsOf, type Rounds, sinkSpec } from './rounds.ts';

/**
 * Rate at which a sink applies updates that wait in the topic. It is measured by the sink's rows, because the JDBC
 * sink commits its offsets only every ten seconds.
 */
export function applyRounds(
  engine: SinkEngine,
  { rows, passes, rounds }: { readonly rows: number; readonly passes: number; readonly rounds: number },
  { workDir, progress }: BenchContext,
): Promise<Rounds> {
  return withPipeline(workDir, rows, sinkSpec(engine), async (instance, lab) => {
    const sink = new ConnectClient({ baseUrl: instance.sinkWorkerUrl });
    await using topic = await TopicEnd.open(instance);
    const result = { perSecond: [] as number[], cpuMicros: [] as number[] };
    await withDatabase(instance.sinkUrl, async (client) => {
      /** Rows with at least this version. */
      const at = (version: number) => async (): Promise<number> => {
        const { rows: counts } = await client.query<{ n: string }>(
          `SELECT count(*) AS n FROM ${BENCH_TABLE} WHERE version >= $1`,
          [version],
        );
        return Number(counts[0]?.n ?? 0);
      };
      await untilInSink(client);
      await untilReached(rows, at(1));
      for (let round = 0; round < rounds; round++) {
        await sink.pause(instance.connectors.sink);
        await sink.waitForState(instance.connectors.sink, 'PAUSED', { deadlineMs: 60_000 });
        const before = await topic.records();
        await withDatabase(instance.sourceUrl, async (source) => {
          for (let pass = 0; pass < passes; pass++) {
            await source.query(`UPDATE ${BENCH_TABLE} SET version = version + 1`);
          }
        });
        await untilReached(before + rows * passes, () => topic.records());
        const cpuBefore = await cpuMsOf(lab, instance.services.sink);
        await sink.resume(instance.connectors.sink);
        const ms = await untilReached(rows, at(1 + (round + 1) * passes));
        const events = rows * passes;
        result.perSecond.push((events * 1000) / ms);
        result.cpuMicros.push((((await cpuMsOf(lab, instance.services.sink)) - cpuBefore) * 1000) / events);
        progress(`${engine}, round ${round + 1}: ${Math.round(result.perSecond.at(-1) ?? 0)} events/s`);
      }
    });
    return result;
  });
}
