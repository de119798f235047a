import { withDatabase } from '../fixtures/database.ts';
import { openAccess } from '../harness/access/live-access.ts';
import { ConnectClient } from '../harness/connect/connect-client.ts';
import { type Bench, type Figure, median } from './lib/bench.ts';
import { TopicEnd, untilReached, withPipeline } from './lib/pipeline.ts';
import { applied, applyRound } from './lib/sink-rounds.ts';

/** Ten seconds at 60,000 events/s, after the warm-up. */
const size = { rows: 100_000, passes: 7, warmUp: 100_000 };
const rounds = 3;

const WITHOUT_SCHEMAS = {
  'key.converter.schemas.enable': 'false',
  'value.converter.schemas.enable': 'false',
};

const bench: Bench = {
  title:
    'change events from Kafka to PostgreSQL, against a bound: upsert, position guard, offsets in the transaction',
  async run({ workDir, progress }) {
    // Compressed like the capture's bench and its peer, because the schema blocks would be most of the bytes.
    const source = { file: 'source', overrides: { 'producer.override.compression.type': 'lz4' } };
    return withPipeline(workDir, size.rows, { source, sink: { file: 'sink' } }, async (instance) => {
      const capture = new ConnectClient({ baseUrl: instance.captureUrl });
      const sink = new ConnectClient({ baseUrl: instance.sinkWorkerUrl });
      await using topic = await TopicEnd.open(instance);
      await using access = await openAccess(instance);
      const figures: Figure[] = [];
      await withDatabase(instance.sinkUrl, async (client) => {
        const measure = async (what: string, target: Figure['target']): Promise<void> => {
          const samples: number[] = [];
          for (let n = 1; n <= rounds; n++) {
            const { events, ms } = await applyRound({ instance, access, topic, client, ...size });
            const rate = (events * 1000) / ms;
            progress(`${what}, round ${n}: ${Math.round(rate)} events/s over ${(ms / 1000).toFixed(1)} s`);
            samples.push(rate);
          }
          const value = median(samples);
          figures.push({ what: `${what}, median`, value, unit: 'events/s', target, samples });
        };
        await untilReached(size.rows, () => applied(client));
        // Three times the rate of Debezium's JDBC sink, which cannot read records without a schema.
        await measure('updates with schema blocks', { atLeast: 60_000 });
        // The table is there now, so it need not be created from the records.
        // The sink first: it has applied every record with a schema block.
        await sink.patchConfig(instance.connectors.sink, WITHOUT_SCHEMAS);
        await capture.patchConfig(instance.connectors.source, WITHOUT_SCHEMAS);
        await measure('updates without', null);
      });
      return figures;
    });
  },
};
export default bench;
