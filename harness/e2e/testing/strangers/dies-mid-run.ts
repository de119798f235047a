import { stranger } from './stranger.ts';

/** More than the snapshot's 400 rows: it dies under the workload. */
export default stranger(['--dies-after', '500'], {
  verdict: 'FAIL',
  finding: { class: 'connector-failed', hop: 'sink' },
  because: 'its licence expires',
});
