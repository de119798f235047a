import { existsSync } from 'node:fs';
import { type Check, type CheckResult, pass } from '../check.ts';
import { compareLedger } from '../observe/ledger/compare-ledger.ts';
import { sourceFindings } from '../observe/ledger/wrong-writes.ts';
import { finding } from '../report.ts';

const name = 'ledger';

/** What clients were told is committed, against what the source holds: the hop before the pipeline. */
export default {
  name,
  describe: 'Everything that a client saw committed is at the source.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const path = context.config.ledger;
    if (path === null) return pass('no ledger: what clients saw committed is not known');
    if (!existsSync(path)) return pass('the ledger is empty: no workload has run');
    const { wrong, cut, undecided, before, counts } = await compareLedger(context, path);
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
    const told = `${counts.transactions} transactions, ${counts.committed} committed, ${counts.unknown} unknown`;
    const part = before === 0 ? '' : `; those after the first ${before} checked now, those before earlier`;
    const rest = cut ? '; so much is wrong that those after them were not looked at' : '';
    const lost = findings.some(({ verdict }) => verdict === 'FAIL');
    const verdict = lost ? 'FAIL' : reason === undefined ? 'PASS' : 'INCONCLUSIVE';
    return { verdict, detail: [`${told}${part}${rest}`, ...undecided].join('; '), findings, ledger: counts };
  },
} satisfies Check;
