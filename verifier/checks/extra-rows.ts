import { contentCheck } from '../compare-check.ts';

export default contentCheck('extra-rows', 'extra', 'The sink holds no row that the source does not have.');
