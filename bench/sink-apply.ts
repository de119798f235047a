import { ConnectClient } from '../harness/connect/client.ts';
import { OFFSETS_TABLE } from '../pipeline/contract/sink-tables.ts';
import { type Bench, median } from './bench.ts';
import { BENCH_TABLE, sql, TopicEnd, untilReached, withPipeline } from './pipeline.ts';

const rows = 100_000;
const passes = 2;
const rounds = 3;

const bench: Bench = {
  title: 'change events from Kafka to PostgreSQL: upsert, position guard, offsets in the transaction',
  async run({ workDir, progress }) {
    const files = { source: { file: 'source' }, sink: { file: 'sink' } };
    return withPipeline(workDir, rows, files, async (instance) => {
      const sink = new ConnectClient({ baseUrl: instance.sinkWorkerUrl });
      await using topic = await TopicEnd.open(instance);
      const samples: number[] = [];
      await sql(instance.sinkUrl, async (client) => {
        const applied = async () => {
          const { rows: sums } = await client.query<{ n: string | null }>(
            `SELECT sum(next_offset) AS n FROM ${OFFSETS_TABLE} WHERE topic LIKE '%.${BENCH_TABLE}'`,
          );
          return Number(sums[0]?.n ?? 0);
        };
        await untilReached(rows, applied);
        for (let round = 0; round < rounds; round++) {
          await sink.pause(instance.connectors.sink);
          const before = await topic.records();
          await sql(instance.sourceUrl, async (source) => {
            for (let pass = 0; pass < passes; pass++) {
              await source.query(`UPDATE ${BENCH_TABLE} SET version = version + 1, updated_at = now()`);
            }
          });
          const goal = before + rows * passes;
          await untilReached(goal, () => topic.records());
          const held = await applied();
          await sink.resume(instance.connectors.sink);
          const ms = await untilReached(goal, applied);
          samples.push(((goal - held) * 1000) / ms);
          progress(`round ${round + 1}: ${Math.round(samples.at(-1) ?? 0)} events/s`);
        }
      });
      return [
        { what: 'updates applied, median', value: median(samples), unit: 'events/s', target: null, samples },
      ];
    });
  },
};
export default bench;
