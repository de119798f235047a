import { type Bench, median } from './lib/bench.ts';
import { mustCdcLab, timed } from './lib/lab.ts';

const runs = 15;

const bench: Bench = {
  title: '`cdc-lab --help` from process start to exit, against a fixed bound',
  async run() {
    await mustCdcLab(['--help']);
    const samples: number[] = [];
    for (let i = 0; i < runs; i++) samples.push(await timed(() => mustCdcLab(['--help'])));
    return [
      { what: 'wall time, median', value: median(samples), unit: 'ms', target: { atMost: 150 }, samples },
    ];
  },
};
export default bench;
