import { latencies } from './engines/latency.ts';
import { sizeOf } from './engines/size.ts';
import type { Bench, Figure } from './lib/bench.ts';

const RATE_PER_SECOND = 1_000;

const bench: Bench = {
  title: 'time from commit to the row in the sink at 1,000 tx/s: ours against Debezium 3.6 and its JDBC sink',
  async run(context) {
    const { rows, passes } = sizeOf({ rows: 10_000, passes: 300, rounds: 1 });
    const size = { rows, ratePerSecond: RATE_PER_SECOND, probes: passes, warmUpMs: 15_000 };
    const own = await latencies('ts', 'ts', size, context);
    const peer = await latencies('debezium', 'jdbc', size, context);
    const figures: Figure[] = [];
    for (const share of [0.5, 0.99]) {
      const [ours, theirs] = [percentile(own.ms, share), percentile(peer.ms, share)];
      const what = `p${share * 100}`;
      figures.push({ what: `ours, ${what}`, value: ours, unit: 'ms', target: null });
      figures.push({ what: `peer, ${what}`, value: theirs, unit: 'ms', target: null });
      const target = { atMost: 0.5 };
      figures.push({ what: `ours to peer, ${what}`, value: ours / theirs, unit: 'times', target });
    }
    const rate = { unit: 'tx/s', target: { atLeast: RATE_PER_SECOND * 0.95 } };
    figures.push({ what: 'load beside ours', value: own.ratePerSecond, ...rate });
    figures.push({ what: 'load beside the peer', value: peer.ratePerSecond, ...rate });
    return figures;
  },
};
export default bench;

function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
