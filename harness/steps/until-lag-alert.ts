import { z } from 'zod';
import type { Finding, Report } from '../../verifier/report.ts';
import { defineStep } from '../plugins/step.ts';
import { until } from '../wait.ts';

/** Limit of one verification within the wait: it need not wait for the pipeline to catch up. */
const ALERT_CALL_MS = 1_000;

/** The scenario's `alertLag` is the alert's bound. Where a scenario cannot set it, the step says so and does not wait. */
export default defineStep({
  description: 'wait until the verifier’s lag alert fires, or has cleared',
  params: z.strictObject({ is: z.enum(['firing', 'cleared']) }),
  example: { is: 'firing' },
  touches: ['instance'],
  byHand: 'after-heal-too',

  async run({ access, instance, note, record, keepReport, signal, withinMs }, { is }) {
    const { alertLag } = instance;
    if (alertLag === undefined)
      return note('the lag alert is not shown', { why: 'its bound cannot be lowered here' });
    const start = performance.now();
    let report: Report | undefined;
    const reached = async () => {
      report = await access.verify({ deadlineMs: ALERT_CALL_MS, signal });
      const alert = lagAlertOf(report);
      return (alert !== undefined) === (is === 'firing') ? { alert } : undefined;
    };
    const what = is === 'firing' ? 'the lag alert to fire' : 'the lag alert to clear';
    const { alert } = await until(reached, { what, everyMs: 250, signal, withinMs });
    if (report !== undefined) keepReport(report);
    const seen =
      alert === undefined
        ? { clearedAfterMs: Math.round(performance.now() - start) }
        : { alertsFrom: alertLag, firedAt: alert.count, verdict: report?.verdict };
    note(alert === undefined ? 'the lag alert has cleared' : 'the lag alert fires', seen);
    record('lag-alert', seen);
  },
});

function lagAlertOf({ findings }: Report): Finding | undefined {
  return findings.find((finding) => finding.check === 'consumer-lag' && finding.class === 'alert');
}
