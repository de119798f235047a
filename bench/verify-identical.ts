import { type Bench, median } from './lib/bench.ts';
import { withPostgresPair } from './lib/postgres-pair.ts';
import { bareScan, fillBoth, peerRun, verifyProcess } from './lib/verify-tables.ts';

const ROWS = Number(process.env.CDC_LAB_BENCH_ROWS ?? 1_000_000);
const ROUNDS = 5;

const bench: Bench = {
  title: `comparing two equal tables of ${ROWS.toLocaleString('en')} rows, process start to exit: ours against reladiff and data-diff`,
  async run({ workDir, progress }) {
    return await withPostgresPair(workDir, async (pair) => {
      await fillBoth(pair, 'items', ROWS);
      const ms: Record<'bare' | 'ours' | 'reladiff' | 'dataDiff', number[]> = {
        bare: [],
        ours: [],
        reladiff: [],
        dataDiff: [],
      };
      // The first round warms the caches and installs the peers. It does not count.
      for (let round = 0; round <= ROUNDS; round++) {
        const bare = await bareScan(pair, 'items');
        const { report, ms: ours } = await verifyProcess(pair, 'items');
        if (report.verdict !== 'PASS') throw new Error(`equal tables are ${report.verdict}`);
        const reladiff = await peerRun('reladiff', pair, 'items', progress);
        const dataDiff = await peerRun('data-diff', pair, 'items', progress);
        for (const { lines } of [reladiff, dataDiff]) if (lines.length > 0) throw new Error(lines[0]);
        progress(
          `round ${round}: bare ${Math.round(bare)}, ours ${Math.round(ours)}, reladiff ${Math.round(reladiff.ms)}, data-diff ${Math.round(dataDiff.ms)} ms`,
        );
        if (round === 0) continue;
        ms.bare.push(bare);
        ms.ours.push(ours);
        ms.reladiff.push(reladiff.ms);
        ms.dataDiff.push(dataDiff.ms);
      }
      const [bare, ours] = [median(ms.bare), median(ms.ours)];
      const [reladiff, dataDiff] = [median(ms.reladiff), median(ms.dataDiff)];
      return [
        { what: 'bare grouped scan of both sides', value: bare, unit: 'ms', target: null, samples: ms.bare },
        { what: 'cdc-lab verify', value: ours, unit: 'ms', target: null, samples: ms.ours },
        { what: 'reladiff, 4 threads', value: reladiff, unit: 'ms', target: null, samples: ms.reladiff },
        { what: 'data-diff, 4 threads', value: dataDiff, unit: 'ms', target: null, samples: ms.dataDiff },
        { what: 'cdc-lab verify / bare scan', value: ours / bare, unit: '×', target: { atMost: 1.2 } },
        { what: 'reladiff / cdc-lab verify', value: reladiff / ours, unit: '×', target: { atLeast: 3 } },
        { what: 'data-diff / cdc-lab verify', value: dataDiff / ours, unit: '×', target: null },
      ];
    });
  },
};
export default bench;
