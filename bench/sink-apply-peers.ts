import { sideBySide } from './engines/rounds.ts';
import { applyRounds } from './engines/sink.ts';
import { sizeOf } from './engines/size.ts';
import type { Bench } from './lib/bench.ts';

const bench: Bench = {
  title:
    'change events from Kafka to PostgreSQL: ours against the JDBC sink 3.6 (UNNEST, reduction buffer, batch 3000)',
  async run(context) {
    const size = sizeOf({ rows: 100_000, passes: 2, rounds: 3 });
    const own = await applyRounds('ts', size, context);
    return sideBySide('events/s', own, await applyRounds('jdbc', size, context), { warm: 3 });
  },
};
export default bench;
