import { existsSync } from 'node:fs';
import { type Check, type CheckResult, pass } from '../check.ts';
import { holdLedger, sourceFindings } from '../observe/held-ledger.ts';

const name = 'effects';

/**
 * The version column is one that every write adds one to, as a deposit adds to a balance: what it shows must be as much
 * as the ledger's commits make. Less is `ledger`'s business; more is a write that took effect twice, or that nobody
 * committed. The comparison of the two databases cannot see it: the pipeline carries the wrong sum faithfully.
 */
export default {
  name,
  describe: 'Every committed write took effect at the source exactly once.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const path = context.config.ledger;
    if (path === null) return pass('no ledger: how often a write was committed is not known');
    if (!existsSync(path)) return pass('the ledger is empty: no workload has run');
    const { wrong, undecided, keys } = await holdLedger(context, path);
    const findings = sourceFindings(
      name,
      wrong.filter((row) => row.class === 'not-committed'),
    );
    if (findings.length > 0) {
      return { verdict: 'FAIL', detail: findings.map((one) => one.detail).join('; '), findings };
    }
    if (undecided.length > 0) return { verdict: 'INCONCLUSIVE', detail: undecided.join('; '), findings };
    return pass(`${keys} rows checked now, each with as many writes as the ledger has`);
  },
} satisfies Check;
