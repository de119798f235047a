import type { Bench } from './bench.ts';
import { streamRounds } from './engines/capture.ts';
import { sideBySide } from './engines/rounds.ts';
import { sizeOf } from './engines/size.ts';

const bench: Bench = {
  title:
    'update events from slot to Kafka, ours beside Debezium 3.5 (batch 8192, queue 65536, lz4): JSON without schemas',
  async run(context) {
    const size = sizeOf({ rows: 100_000, passes: 3, rounds: 4 });
    const own = await streamRounds('ts', size, context);
    return sideBySide('events/s', own, await streamRounds('debezium', size, context), 2);
  },
};
export default bench;
