import { stranger } from './stranger.ts';

export default stranger(['--trims'], {
  verdict: 'FAIL',
  finding: { class: 'corrupted', hop: 'sink' },
  shows: 'steady',
  because: 'it trims texts, and writes NULL for an empty one',
});
