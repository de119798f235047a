import { ConnectClient } from '../harness/connect/client.ts';
import { OFFSETS_TABLE } from '../pipeline/contract/sink-tables.ts';
import { type Bench, type Figure, median } from './bench.ts';
import { BENCH_TABLE, sql, TopicEnd, untilReached, withPipeline } from './pipeline.ts';

const rows = 100_000;
/** At 60,000 events/s ten seconds of them, after the warm-up. */
const passes = 7;
const rounds = 3;
/** Applied before the clock starts: the first round's cold code, each round's first fetches. */
const warmUp = 100_000;

const WITHOUT_SCHEMAS = {
  'key.converter.schemas.enable': 'false',
  'value.converter.schemas.enable': 'false',
};

const bench: Bench = {
  title: 'change events from Kafka to PostgreSQL: upsert, position guard, offsets in the transaction',
  async run({ workDir, progress }) {
    // Compressed, as the capture's bench and its peer are: the schema blocks would be most of what is read.
    const source = { file: 'source', overrides: { 'producer.override.compression.type': 'lz4' } };
    return withPipeline(workDir, rows, { source, sink: { file: 'sink' } }, async (instance) => {
      const capture = new ConnectClient({ baseUrl: instance.captureUrl });
      const sink = new ConnectClient({ baseUrl: instance.sinkWorkerUrl });
      await using topic = await TopicEnd.open(instance);
      const figures: Figure[] = [];
      await sql(instance.sinkUrl, async (client) => {
        const applied = async () => {
          const { rows: sums } = await client.query<{ n: string | null }>(
            `SELECT sum(next_offset) AS n FROM ${OFFSETS_TABLE} WHERE topic LIKE '%.${BENCH_TABLE}'`,
          );
          return Number(sums[0]?.n ?? 0);
        };
        const round = async (what: string): Promise<number> => {
          await sink.pause(instance.connectors.sink);
          const before = await topic.records();
          await sql(instance.sourceUrl, async (writer) => {
            for (let pass = 0; pass < passes; pass++) {
              await writer.query(`UPDATE ${BENCH_TABLE} SET version = version + 1, updated_at = now()`);
            }
          });
          const goal = before + rows * passes;
          await untilReached(goal, () => topic.records());
          await sink.resume(instance.connectors.sink);
          await untilReached((await applied()) + warmUp, applied);
          const start = await applied();
          const ms = await untilReached(goal, applied);
          const rate = ((goal - start) * 1000) / ms;
          progress(`${what}: ${Math.round(rate)} events/s over ${(ms / 1000).toFixed(1)} s`);
          return rate;
        };
        const measure = async (what: string, target: Figure['target']): Promise<void> => {
          const samples: number[] = [];
          for (let n = 1; n <= rounds; n++) samples.push(await round(`${what}, round ${n}`));
          figures.push({
            what: `${what}, median`,
            value: median(samples),
            unit: 'events/s',
            target,
            samples,
          });
        };
        await untilReached(rows, applied);
        // Three times what Debezium's JDBC sink reaches, which knows no records without a schema.
        await measure('updates with schema blocks', { atLeast: 60_000 });
        // The table is there now, so it need not be made from the records.
        await capture.patchConfig(instance.connectors.source, WITHOUT_SCHEMAS);
        await measure('updates without', null);
      });
      return figures;
    });
  },
};
export default bench;
