import { join } from 'node:path';
import { type Bench, median } from './lib/bench.ts';
import { cdcLab, mustCdcLab, timed } from './lib/lab.ts';

const runs = 3;

/** Polls `status` until it passes, as a person at the terminal would. */
async function untilPass(dir: string): Promise<void> {
  for (let attempt = 0; attempt < 60; attempt++) {
    const { exitCode } = await cdcLab(['status'], dir);
    if (exitCode === 0) return;
  }
  throw new Error('no PASS after 60 reports');
}

const bench: Bench = {
  title: '`cdc-lab up` in an empty folder until the first PASS of `cdc-lab status`, against a fixed bound',
  async run({ workDir, progress }) {
    const samples: number[] = [];
    for (let i = 0; i < runs; i++) {
      const dir = join(workDir, `lab-${i}`);
      try {
        samples.push(
          await timed(async () => {
            await mustCdcLab(['up'], dir);
            await untilPass(dir);
          }),
        );
        progress(`run ${i + 1}: ${Math.round(samples.at(-1) ?? 0)} ms`);
      } finally {
        await mustCdcLab(['clean'], dir);
      }
    }
    const seconds = samples.map((ms) => ms / 1000);
    return [
      {
        what: 'up to first PASS, median',
        value: median(seconds),
        unit: 's',
        target: { atMost: 15 },
        samples: seconds,
      },
    ];
  },
};
export default bench;
