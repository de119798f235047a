import { type Check, type CheckResult, pass } from '../check.ts';
import { applyErrors, tablesInCopy } from '../observe/sink/subscription.ts';
import { finding } from '../report.ts';

const name = 'subscription-state';

const STATE_SQL = `
  SELECT s.subenabled::text AS enabled FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
  WHERE s.subname = $1 AND d.datname = current_database()`;

/**
 * PostgreSQL's own logical replication, where that is the pipeline: enabled, not ending with an error again and again,
 * and every table past its first copy.
 */
export default {
  name,
  describe: "The sink's subscription is enabled and applies, and its tables are past their initial copy.",
  needsFence: false,
  async run({ config, sink }): Promise<CheckResult> {
    const { subscription } = config.sink;
    if (subscription === null) return pass('no subscription is watched');
    const database = await sink();
    const [row] = await database.query(STATE_SQL, [subscription]);
    if (row === undefined) throw new Error(`the sink has no subscription ${subscription}`);
    if (row.enabled !== 'true') {
      const detail = `the subscription ${subscription} is disabled`;
      const found = finding({ check: name, class: 'alert', verdict: 'WARN', hop: 'sink', detail });
      return { verdict: 'WARN', detail, findings: [found] };
    }
    const errors = await applyErrors(database, subscription);
    if (errors > 0) {
      const detail = `the worker of ${subscription} does not run, and has ended with ${errors} errors: see the sink's log`;
      const found = finding({ check: name, class: 'connector-failed', verdict: 'FAIL', hop: 'sink', detail });
      return { verdict: 'FAIL', detail, findings: [found] };
    }
    const inCopy = await tablesInCopy(database, subscription);
    if (inCopy === 0) return pass(`${subscription} is enabled, its tables are copied`);
    return {
      verdict: 'SYNC_IN_PROGRESS',
      detail: `${inCopy} tables of ${subscription} are being copied`,
      findings: [],
    };
  },
} satisfies Check;
