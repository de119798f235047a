import { type Check, type CheckResult, notApplicable, pass } from '../check.ts';
import { finding } from '../report.ts';
import { bytesText } from '../units.ts';

const name = 'slot-health';

const SLOT_SQL = `
  SELECT active::text AS active, wal_status,
         -- The column exists from PostgreSQL 17 on.
         to_jsonb(s) ->> 'invalidation_reason' AS reason,
         (pg_current_wal_lsn() - restart_lsn)::text AS retained,
         (SELECT CASE WHEN setting::bigint < 0 THEN -1 ELSE setting::bigint * 1024 * 1024 END
          FROM pg_settings WHERE name = 'max_slot_wal_keep_size')::text AS bound
  FROM pg_replication_slots s WHERE slot_name = $1`;

/** The pipeline's replication slot must exist, be alive, and retain no more WAL than it may. */
export default {
  name,
  describe: 'The replication slot exists, is in use, is not lost, and retains less WAL than its budget.',
  needsFence: false,
  async run({ config, databases }): Promise<CheckResult> {
    const slot = config.source.slot;
    if (slot === null) return notApplicable('no slot is configured');
    const [row] = await (await databases.source()).query(SLOT_SQL, [slot]);
    const { walBudgetBytes, walBudgetShare } = config.thresholds;
    if (row === undefined) {
      const detail = `the replication slot ${slot} does not exist`;
      const missing = finding({
        check: name,
        class: 'evidence-missing',
        verdict: 'INCONCLUSIVE',
        hop: 'capture',
        detail,
      });
      return { verdict: 'INCONCLUSIVE', detail, findings: [missing] };
    }
    if (row.wal_status === 'lost') {
      const detail = `the replication slot ${slot} is lost (${row.reason ?? 'WAL removed'}): changes that it had not sent yet are gone`;
      const lost = finding({ check: name, class: 'slot-lost', verdict: 'FAIL', hop: 'capture', detail });
      return { verdict: 'FAIL', detail, findings: [lost] };
    }
    const retained = Number(row.retained ?? 0);
    const bound = Number(row.bound ?? -1);
    const budget = bound > 0 ? bound : walBudgetBytes;
    const state = row.active === 'true' ? 'active' : 'not active';
    const near = retained >= budget * walBudgetShare || row.wal_status === 'unreserved';
    const kept = `retains ${bytesText(retained)} of ${bytesText(budget)} of WAL`;
    const detail = `${slot} is ${state}, ${row.wal_status}, ${kept}${near ? ', which is near its limit' : ''}`;
    if (!near && row.active === 'true') return pass(detail);
    const alert = finding({ check: name, class: 'alert', verdict: 'WARN', hop: 'capture', detail });
    return { verdict: 'WARN', detail, findings: [alert] };
  },
} satisfies Check;
