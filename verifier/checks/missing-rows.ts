import { contentCheck } from '../verification/content-check.ts';

export default contentCheck('missing-rows', 'missing', 'Every row of the source is in the sink.');
