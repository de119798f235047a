import { snapshotRounds } from './engines/capture.ts';
import { sideBySide } from './engines/rounds.ts';
import { sizeOf } from './engines/size.ts';
import type { Bench } from './lib/bench.ts';

const bench: Bench = {
  title:
    'a blocking snapshot, rows from table to Kafka: ours against Debezium 3.6 (fetch size 10240, batch 8192)',
  async run(context) {
    const size = sizeOf({ rows: 300_000, passes: 1, rounds: 3 });
    const own = await snapshotRounds('ts', size, context);
    return sideBySide('rows/s', own, await snapshotRounds('debezium', size, context), { warm: 4 });
  },
};
export default bench;
