import { existsSync } from 'node:fs';
import type { Check, CheckContext, CheckResult } from '../check.ts';
import { compareLedger } from '../observe/ledger/compare-ledger.ts';
import { sourceFindings } from '../observe/ledger/wrong-writes.ts';
import type { Finding } from '../report.ts';
import { finding } from '../report.ts';
import { type Verdict, worst } from '../verdict.ts';
import { addUpEffects, type WrongSum } from '../verification/additive-effects.ts';

const name = 'effects';

/** What one of the two proofs says. */
interface Proof {
  readonly verdict: Verdict;
  readonly told: readonly string[];
  readonly findings: readonly Finding[];
}

/**
 * Two proofs, each by what adds up.
 *
 * - At the source: the version column is one that every write adds one to, as a deposit adds to a balance. What it shows
 *   must be as much as the ledger's commits make. Less is `ledger`'s business; more is a write that took effect twice, or
 *   that nobody committed. The comparison of the two databases cannot see it: the pipeline carries the wrong sum faithfully.
 * - In the sink: each column of numbers must add up to what the events before the sink's offsets make of it.
 */
export default {
  name,
  describe: 'Every committed write took effect at the source exactly once, and every event in the sink.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const proofs = [await atTheSource(context), await inTheSink(context)];
    const findings = proofs.flatMap((proof) => proof.findings);
    return {
      verdict: worst(proofs.map(({ verdict }) => verdict)),
      detail: proofs.flatMap(({ told }) => told).join('; '),
      findings,
    };
  },
} satisfies Check;

async function atTheSource(context: CheckContext): Promise<Proof> {
  const passed = (told: string): Proof => ({ verdict: 'PASS', told: [told], findings: [] });
  const path = context.config.ledger;
  if (path === null) return passed('no ledger: how often a write was committed is not known');
  if (!existsSync(path)) return passed('the ledger is empty: no workload has run');
  const { wrong, undecided, keys } = await compareLedger(context, path);
  const findings = sourceFindings(
    name,
    wrong.filter((row) => row.class === 'not-committed'),
  );
  if (findings.length > 0) return { verdict: 'FAIL', told: findings.map(({ detail }) => detail), findings };
  if (undecided.length > 0) return { verdict: 'INCONCLUSIVE', told: undecided, findings };
  return passed(`${keys} rows checked now, each with as many writes as the ledger has`);
}

async function inTheSink(context: CheckContext): Promise<Proof> {
  const sums = await addUpEffects(context);
  if (sums === null) return { verdict: 'PASS', told: ['no sink that keeps its offsets'], findings: [] };
  const findings = [...Map.groupBy(sums.wrong, ({ table }) => table)].map(([table, wrong]) =>
    report(table, wrong),
  );
  if (findings.length > 0) return { verdict: 'FAIL', told: findings.map(({ detail }) => detail), findings };
  const told = `${sums.columns} columns add up to what their events make`;
  return { verdict: 'PASS', told: [told, ...sums.left.map((why) => `not judged: ${why}`)], findings };
}

/** The difference is told, and no value of a row. */
function report(table: string, wrong: readonly WrongSum[]): Finding {
  const differences = wrong.map(({ column, excess }) => {
    if (excess === null) return `${column} adds up to no number of its scale`;
    const isLess = excess.startsWith('-');
    return `${column} adds up to ${excess.replace('-', '')} ${isLess ? 'less' : 'more'} than its events make`;
  });
  const detail = `effects that did not take place exactly once in ${table}: ${differences.join(', ')}`;
  const first = { key: {}, columns: wrong.map(({ column }) => column), detail: differences.join(', ') };
  const about = { check: name, class: 'effects', verdict: 'FAIL', table, hop: 'sink', detail } as const;
  return finding({ ...about, count: wrong.length, first, examples: [first] });
}
