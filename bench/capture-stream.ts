import { withDatabase } from '../fixtures/database.ts';
import { ConnectClient } from '../harness/connect/connect-client.ts';
import { type Bench, median } from './lib/bench.ts';
import { BENCH_TABLE, TopicEnd, untilReached, withPipeline } from './lib/pipeline.ts';

const rows = 100_000;
const passes = 3;
const rounds = 4;

const bench: Bench = {
  title:
    'update events from a waiting backlog to Kafka, for the record: 7 columns, JSON without schemas, 100,000 events per ' +
    'transaction',
  async run({ workDir, progress }) {
    const plain = { 'key.converter.schemas.enable': 'false', 'value.converter.schemas.enable': 'false' };
    const source = { file: 'source', overrides: { ...plain, 'producer.override.compression.type': 'lz4' } };
    return withPipeline(workDir, rows, { source, sink: { file: 'sink' } }, async (instance) => {
      const capture = new ConnectClient({ baseUrl: instance.captureUrl });
      await new ConnectClient({ baseUrl: instance.sinkWorkerUrl }).stop(instance.connectors.sink);
      await using topic = await TopicEnd.open(instance);
      await untilReached(rows, () => topic.records());
      const samples: number[] = [];
      for (let round = 0; round < rounds; round++) {
        await capture.pause(instance.connectors.source);
        await withDatabase(instance.sourceUrl, async (client) => {
          for (let pass = 0; pass < passes; pass++) {
            await client.query(`UPDATE ${BENCH_TABLE} SET version = version + 1, updated_at = now()`);
          }
        });
        const before = await topic.records();
        await capture.resume(instance.connectors.source);
        const ms = await untilReached(before + rows * passes, () => topic.records());
        samples.push((rows * passes * 1000) / ms);
        progress(`round ${round + 1}: ${Math.round(samples.at(-1) ?? 0)} events/s`);
      }
      const [cold = 0, ...warm] = samples;
      return [
        { what: 'first round (cold)', value: cold, unit: 'events/s', target: null },
        {
          what: 'later rounds (warm), median',
          value: median(warm),
          unit: 'events/s',
          target: null,
          samples: warm,
        },
      ];
    });
  },
};
export default bench;
