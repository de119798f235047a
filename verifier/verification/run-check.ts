import { messageOf } from '../../pipeline/contract/errors.ts';
import { type Check, type CheckContext, type CheckResult, checkResultSchema } from '../check.ts';
import { durationText } from '../units.ts';

/** Limit for a check that does not need the fence: such a check reads only states. */
const QUICK_CHECK_MS = 30_000;

/** Runs one check. One that throws, does not end in time or returns no result is INCONCLUSIVE, never PASS. */
export async function runCheck(check: Check, context: CheckContext): Promise<CheckResult> {
  const { fence } = context.pipeline;
  if (check.needsFence && fence.tag !== 'passed') {
    const verdict = fence.tag === 'in-progress' ? 'SYNC_IN_PROGRESS' : 'INCONCLUSIVE';
    return { verdict, detail: 'not run: the fence is not passed', findings: [] };
  }
  const limitMs = check.needsFence ? context.config.compareTimeoutMs : QUICK_CHECK_MS;
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => limit.reject(new Error(`it did not end within ${durationText(limitMs)}`)),
    limitMs,
  );
  try {
    const result: unknown = await Promise.race([check.run(context), limit.promise]);
    return checkResultSchema.parse(result);
  } catch (error) {
    const detail = `no result: ${messageOf(error).slice(0, 500)}`;
    return { verdict: 'INCONCLUSIVE', detail, findings: [] };
  } finally {
    clearTimeout(timer);
  }
}
