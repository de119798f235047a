import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench, Figure } from './bench.ts';
import { cdcLab, mustCdcLab, treeMemory } from './lab.ts';

interface RunFile {
  readonly services:
    | Readonly<Record<string, { readonly pid: number | null }>>
    | readonly { name: string; pid: number | null }[];
}

const mebibyte = 1024 * 1024;

const bench: Bench = {
  title: 'memory of everything that runs in the default lab, after its first PASS',
  async run({ workDir }) {
    const dir = join(workDir, 'lab');
    try {
      await mustCdcLab(['up'], dir);
      await cdcLab(['status'], dir);
      const { services } = JSON.parse(await readFile(join(dir, 'run.json'), 'utf8')) as RunFile;
      const named = Array.isArray(services)
        ? services.map(({ name, pid }) => [name, pid] as const)
        : Object.entries(services).map(([name, { pid }]) => [name, pid] as const);
      const figures: Figure[] = [];
      let rss = 0;
      let pss = 0;
      for (const [name, pid] of named) {
        if (pid === null) continue;
        const memory = await treeMemory(pid);
        rss += memory.rss;
        pss += memory.pss;
        figures.push({ what: `${name}, RSS`, value: memory.rss / mebibyte, unit: 'MiB', target: null });
      }
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
