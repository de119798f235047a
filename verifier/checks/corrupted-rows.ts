import { contentCheck } from '../verification/content-check.ts';

export default contentCheck(
  'corrupted-rows',
  'corrupted',
  'No row of the sink has values that differ from the same version at the source.',
);
