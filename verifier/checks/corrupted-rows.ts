import { contentCheck } from '../verification/content-check.ts';

export default contentCheck(
  'corrupted-rows',
  'corrupted',
  'Every row of the sink has the same values as the same version at the source.',
);
