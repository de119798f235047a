import type { SourceEngine } from '../harness/lab/engines.ts';
import { streamRounds } from './engines/capture.ts';
import { type Rounds, sideBySide } from './engines/rounds.ts';
import { sizeOf } from './engines/size.ts';
import type { Bench, BenchContext } from './lib/bench.ts';

const COLD_STARTS = 3;

/** Four rounds of one process, and the first rounds of further processes. */
async function roundsOf(source: SourceEngine, context: BenchContext): Promise<Rounds> {
  const size = sizeOf({ rows: 100_000, passes: 3, rounds: 4 });
  const rounds = await streamRounds(source, size, context);
  const cold: number[] = [];
  while (cold.length < COLD_STARTS - 1) {
    cold.push(...(await streamRounds(source, { ...size, rounds: 1 }, context)).perSecond);
  }
  return { ...rounds, cold };
}

const bench: Bench = {
  title:
    'update events from slot to Kafka: ours against Debezium 3.6 (batch 8192, queue 65536, lz4); 1,000 events per ' +
    'transaction, JSON without schemas',
  async run(context) {
    const own = await roundsOf('ts', context);
    return sideBySide('events/s', own, await roundsOf('debezium', context), { warm: 2, cold: 5 });
  },
};
export default bench;
