import { existsSync } from 'node:fs';
import { type Check, type CheckContext, type CheckResult, notApplicable } from '../check.ts';
import { sourceFindings } from '../observe/ledger/wrong-writes.ts';
import { type Finding, finding } from '../report.ts';
import { type Verdict, worst } from '../verdict.ts';
import { compareSums, type WrongSum } from '../verification/additive-effects.ts';
import { handledIn, rowsEqualNow } from '../verification/equal-now.ts';

const name = 'effects';

/** The outcome of one of the two proofs. */
interface Proof {
  readonly verdict: Verdict;
  /** There was nothing to prove it with. */
  readonly isBlind?: boolean;
  readonly details: readonly string[];
  readonly findings: readonly Finding[];
}

/**
 * Two proofs, each by sums.
 *
 * - At the source, every write adds one to the version column, as a deposit adds to a balance. A version that is too low
 *   is reported by the check `ledger`. One that is too high shows a write that took effect twice, or that was never
 *   committed. A comparison of the databases cannot see it, because the pipeline carries the wrong value faithfully.
 * - In the sink, each column of numbers must add up to what the events before the sink's offsets make of it.
 */
export default {
  name,
  describe:
    'Every committed write took effect exactly once at the source, and every event exactly once in the sink.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const proofs = [await atTheSource(context), await inTheSink(context)];
    if (proofs.every(({ isBlind }) => isBlind === true))
      return notApplicable(proofs.flatMap(({ details }) => details).join('; '));
    return {
      verdict: worst(proofs.map(({ verdict }) => verdict)),
      detail: proofs.flatMap(({ details }) => details).join('; '),
      findings: proofs.flatMap(({ findings }) => findings),
    };
  },
} satisfies Check;

async function atTheSource({ config, evidence }: Pick<CheckContext, 'config' | 'evidence'>): Promise<Proof> {
  const passed = (detail: string): Proof => ({ verdict: 'PASS', details: [detail], findings: [] });
  if (config.ledger === null)
    return { ...passed('there is no ledger, so the number of committed writes is not known'), isBlind: true };
  if (!existsSync(config.ledger))
    return { ...passed('the ledger is empty: no workload has run'), isBlind: true };
  const { wrong, undecided, keys } = await evidence.ledger();
  const findings = sourceFindings(
    name,
    wrong.filter((row) => row.class === 'not-committed'),
  );
  if (findings.length > 0) return failed(findings);
  if (undecided.length > 0) return { verdict: 'INCONCLUSIVE', details: undecided, findings };
  return passed(`${keys} rows checked now, each with as many writes as the ledger has`);
}

async function inTheSink(context: CheckContext): Promise<Proof> {
  const sums = await compareSums(context);
  if (sums === null)
    return { verdict: 'PASS', details: ['the sink keeps no offsets'], findings: [], isBlind: true };
  const byTable = Map.groupBy(sums.wrong, ({ table }) => table);
  const findings: Finding[] = [];
  const history: string[] = [];
  for (const [table, wrong] of byTable) {
    const own = report(table, wrong);
    if (await isHealed(context, table, wrong)) history.push(`healed: ${own.detail}; its rows are equal now`);
    else findings.push(own);
  }
  if (findings.length > 0) return failed(findings);
  const detail = `${sums.columns - sums.wrong.length} columns add up to what their events make`;
  const details = [detail, ...history, ...sums.left.map((why) => `not judged: ${why}`)];
  return { verdict: 'PASS', details, findings };
}

/** A repair writes rows that no event carries. From then on the sums differ from the events', and the rows are right. */
async function isHealed(
  { pipeline, evidence, memory }: Pick<CheckContext, 'pipeline' | 'evidence' | 'memory'>,
  table: string,
  wrong: readonly WrongSum[],
): Promise<boolean> {
  const log = await evidence.topicLog();
  if (log === null || memory === undefined) return false;
  return memory.healed.isHealed(`${name} ${table}`, {
    count: wrong.map(({ column, excess }) => `${column} ${excess}`).join(', '),
    handled: handledIn(log, (await pipeline.topics()).get(table) ?? ''),
    rowsEqual: await rowsEqualNow({ evidence }, table),
  });
}

function failed(findings: readonly Finding[]): Proof {
  return { verdict: 'FAIL', details: findings.map(({ detail }) => detail), findings };
}

/** Reports differences of sums, and no value of a row. */
function report(table: string, wrong: readonly WrongSum[]): Finding {
  const differences = wrong.map(({ column, excess }) => {
    if (excess === null) return `${column} does not add up to a number of its scale`;
    const isLess = excess.startsWith('-');
    return `${column} adds up to ${excess.replace('-', '')} ${isLess ? 'less' : 'more'} than its events make`;
  });
  const detail = `some events did not take effect exactly once in ${table}: ${differences.join(', ')}`;
  const first = { key: {}, columns: wrong.map(({ column }) => column), detail: differences.join(', ') };
  const about = { check: name, class: 'effects', verdict: 'FAIL', table, hop: 'sink', detail } as const;
  return finding({ ...about, count: wrong.length, first, examples: [first] });
}
