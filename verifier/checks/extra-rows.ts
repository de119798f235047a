import { contentCheck } from '../verification/content-check.ts';

export default contentCheck('extra-rows', 'extra', 'The sink holds no row that the source does not have.');
