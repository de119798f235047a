import { type Check, type CheckResult, notApplicable, pass } from '../check.ts';
import { applyErrors, tablesInCopy } from '../observe/sink/subscription.ts';
import { finding } from '../report.ts';

const name = 'subscription-state';

const STATE_SQL = `
  SELECT s.subenabled::text AS enabled FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
  WHERE s.subname = $1 AND d.datname = current_database()`;

/**
 * If PostgreSQL's logical replication is the pipeline, its subscription must be enabled, its worker must not fail
 * repeatedly, and every table must have completed its initial copy.
 */
export default {
  name,
  describe:
    "The sink's subscription is enabled and applies changes, and its tables have completed their initial copy.",
  needsFence: false,
  async run({ config, databases }): Promise<CheckResult> {
    const { subscription } = config.sink;
    if (subscription === null) return notApplicable('no subscription is configured');
    const sink = await databases.sink();
    const [row] = await sink.query(STATE_SQL, [subscription]);
    if (row === undefined) throw new Error(`the sink has no subscription ${subscription}`);
    if (row.enabled !== 'true') {
      const detail = `the subscription ${subscription} is disabled`;
      const found = finding({ check: name, class: 'alert', verdict: 'WARN', hop: 'sink', detail });
      return { verdict: 'WARN', detail, findings: [found] };
    }
    const errors = await applyErrors(sink, subscription);
    if (errors > 0) {
      const detail = `the worker of ${subscription} is not running, and has failed ${errors} times: see the sink's log`;
      const found = finding({ check: name, class: 'connector-failed', verdict: 'FAIL', hop: 'sink', detail });
      return { verdict: 'FAIL', detail, findings: [found] };
    }
    const inCopy = await tablesInCopy(sink, subscription);
    if (inCopy === 0) return pass(`${subscription} is enabled, and its tables are copied`);
    return {
      verdict: 'SYNC_IN_PROGRESS',
      detail: `${inCopy} tables of ${subscription} are being copied`,
      findings: [],
    };
  },
} satisfies Check;
