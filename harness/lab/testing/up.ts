import { labControl } from '../process/process-control.ts';

/**
 * `up.ts DIR servers|instance|orphan`: brings a lab up; with `orphan` it creates an instance and waits to be killed.
 */
const [dir = '', what = 'servers'] = process.argv.slice(2);
try {
  const lab = await labControl.up({
    dir,
    rate: 0,
    seed: 1,
    withInstance: what === 'instance',
    progress: (step) => console.log(step),
  });
  if (what === 'orphan') {
    await lab.createInstance({
      name: 'orphan',
      source: { file: 'source' },
      sink: { file: 'sink' },
      verifyEveryMs: null,
      seedRows: 10,
      seed: 1,
    });
  }
  console.log('up');
  if (what === 'orphan') setInterval(() => undefined, 60_000);
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
  process.exitCode = 69;
}
