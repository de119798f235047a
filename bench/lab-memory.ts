import { join } from 'node:path';
import { labControl } from '../harness/lab/process/process-control.ts';
import type { Bench, Figure } from './lib/bench.ts';
import { cdcLab, mustCdcLab, treeMemory } from './lib/lab.ts';

const mebibyte = 1024 * 1024;

const bench: Bench = {
  title: 'memory of all processes of the default lab after its first PASS, against a fixed bound',
  async run({ workDir }) {
    const dir = join(workDir, 'lab');
    try {
      await mustCdcLab(['up'], dir);
      await cdcLab(['status'], dir);
      const lab = await labControl.open(dir);
      const services = (await lab?.runtime.services()) ?? [];
      const figures: Figure[] = [];
      let rss = 0;
      let pss = 0;
      for (const { name, pid } of services) {
        if (pid === null) continue;
        const memory = await treeMemory(pid);
        if (memory.rss === 0) throw new Error(`the memory of ${name} (pid ${pid}) cannot be read`);
        rss += memory.rss;
        pss += memory.pss;
        figures.push({ what: `${name}, RSS`, value: memory.rss / mebibyte, unit: 'MiB', target: null });
      }
      if (figures.length === 0) throw new Error('no service runs, so there is nothing to measure');
      return [
        {
          what: 'all, RSS (shared pages counted in each process)',
          value: rss / mebibyte,
          unit: 'MiB',
          target: { atMost: 1228.8 },
        },
        { what: 'all, PSS (shared pages counted once)', value: pss / mebibyte, unit: 'MiB', target: null },
        ...figures,
      ];
    } finally {
      await mustCdcLab(['clean'], dir);
    }
  },
};
export default bench;
