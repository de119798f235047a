import { join } from 'node:path';
import type { Bench } from './lib/bench.ts';
import { cdcLab, mustCdcLab } from './lib/lab.ts';

interface Run {
  readonly ok: boolean;
  readonly results: readonly {
    readonly scenario: string;
    readonly variant: string;
    readonly durationMs: number;
  }[];
}

const bench: Bench = {
  title: 'the five lessons with sound and naive pipelines, servers already up, against a fixed bound',
  async run({ workDir }) {
    const dir = join(workDir, 'lab');
    try {
      await mustCdcLab(['up', '--no-writer'], dir);
      const start = performance.now();
      const { stdout, exitCode } = await cdcLab(['run', '--lessons', '--json'], dir);
      const seconds = (performance.now() - start) / 1000;
      const run = JSON.parse(stdout) as Run;
      if (exitCode !== 0 || !run.ok)
        throw new Error(`the lessons did not go as expected (exit ${exitCode}): ${stdout}`);
      return [
        { what: `all ${run.results.length} verdicts`, value: seconds, unit: 's', target: { atMost: 120 } },
        ...run.results.map((result) => ({
          what: `${result.scenario}, ${result.variant}`,
          value: result.durationMs / 1000,
          unit: 's',
          target: null,
        })),
      ];
    } finally {
      await mustCdcLab(['clean'], dir);
    }
  },
};
export default bench;
