import { contentCheck } from '../compare-check.ts';

export default contentCheck('missing-rows', 'missing', 'Every row of the source is in the sink.');
