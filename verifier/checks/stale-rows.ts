import { contentCheck } from '../verification/content-check.ts';

export default contentCheck(
  'stale-rows',
  'stale',
  'No row of the sink has an older version than the source.',
);
