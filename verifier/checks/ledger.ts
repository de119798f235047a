import { existsSync } from 'node:fs';
import { type Check, type CheckResult, notApplicable } from '../check.ts';
import { sourceFindings } from '../observe/ledger/wrong-writes.ts';
import { finding } from '../report.ts';
import { countOfText, countText } from '../units.ts';
import { withUnread } from '../verification/unread-tables.ts';

const name = 'ledger';

/** Compares what clients saw committed with the rows of the source: the hop before the pipeline. */
export default {
  name,
  describe: 'The source has everything that a client saw committed.',
  needsFence: true,
  async run({ config, evidence }): Promise<CheckResult> {
    if (config.ledger === null)
      return notApplicable('there is no ledger, so it is not known what clients saw committed');
    if (!existsSync(config.ledger)) return notApplicable('the ledger is empty: no workload has run');
    const { wrong, cut, undecided, unread, before, counts } = await evidence.ledger();
    const findings = sourceFindings(
      name,
      wrong.filter((row) => row.class !== 'not-committed'),
    );
    const [reason] = undecided;
    if (reason !== undefined) {
      const about = {
        check: name,
        class: 'evidence-missing',
        verdict: 'INCONCLUSIVE',
        hop: 'source',
      } as const;
      findings.push(finding({ ...about, count: undecided.length, detail: reason }));
    }
    const totals = [
      countOfText(counts.transactions, 'transaction'),
      `${countText(counts.committed)} committed`,
      `${countText(counts.unknown)} unknown`,
    ].join(', ');
    const part =
      before === 0 ? '' : `; those after the first ${countText(before)} were checked now, the others earlier`;
    const rest = cut ? '; so much is wrong that the transactions after these were not checked' : '';
    const lost = findings.some(({ verdict }) => verdict === 'FAIL');
    const verdict = lost ? 'FAIL' : reason === undefined ? 'PASS' : 'INCONCLUSIVE';
    const detail = [`${totals}${part}${rest}`, ...undecided].join('; ');
    return withUnread(name, { verdict, detail, findings, ledger: counts }, unread, 'source');
  },
} satisfies Check;
