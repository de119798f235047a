/**
 * `verifier/checks`: the checks that a verification runs, one per file.
 * In: the parts of a `CheckContext` that the check needs.
 * Out: a verdict with one sentence of detail, and findings that name tables, keys, columns and the hop.
 * Promises: a check reads only, reports no value of a row, and throws rather than passing without evidence.
 */

import { contentCheck } from '../verification/content-check.ts';

export default contentCheck('missing-rows', 'missing', 'Every row of the source is in the sink.');
