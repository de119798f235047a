import { finding, type Report } from '../report.ts';

/** The name of the check that reports an answer which could not be given in time. */
const name = 'deadline';

/**
 * The report for somebody who waits no longer: nothing was judged, so it is INCONCLUSIVE.
 * @param withinMs How long was waited.
 * @param why What was waited for, as a sentence without its end.
 */
export function lateReport(withinMs: number, why: string): Report {
  const detail = `no answer within ${withinMs / 1000} s: ${why}`;
  const missing = { check: name, class: 'evidence-missing', verdict: 'INCONCLUSIVE', detail } as const;
  return {
    schemaVersion: 1,
    verdict: 'INCONCLUSIVE',
    at: new Date().toISOString(),
    durationMs: Math.round(withinMs),
    window: { fromLsn: null, toLsn: null },
    coverage: 0,
    comparison: null,
    tables: [],
    checks: [{ check: name, verdict: 'INCONCLUSIVE', status: 'judged', detail }],
    findings: [finding(missing)],
    progress: null,
    ledger: null,
    deliveries: null,
    connectors: [],
  };
}

/** The answer of `work`, or of `late` if it takes longer than `ms`. A late answer, or failure, of `work` is ignored. */
export async function within<T>(work: Promise<T>, ms: number, late: () => T): Promise<T> {
  const timedOut = Promise.withResolvers<T>();
  const timer = setTimeout(() => timedOut.resolve(late()), ms);
  try {
    return await Promise.race([work, timedOut.promise]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
