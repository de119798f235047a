import { existsSync } from 'node:fs';
import { messageOf } from '../../pipeline/contract/errors.ts';
import { type Check, type CheckContext, type CheckResult, notApplicable } from '../check.ts';
import type { Walk } from '../observe/each-table.ts';
import { sourceFindings } from '../observe/ledger/wrong-writes.ts';
import { type Finding, finding } from '../report.ts';
import { countOfText } from '../units.ts';
import { type Verdict, worst } from '../verdict.ts';
import { compareSums, type WrongSum } from '../verification/additive-effects.ts';
import { asHistory, hasNone, isHistory } from '../verification/equal-now.ts';
import { periodic } from '../verification/periodic-check.ts';
import { withUnread } from '../verification/unread-tables.ts';

const name = 'effects';

/** The outcome of one of the two proofs. */
interface Proof {
  readonly verdict: Verdict;
  /** There was nothing to prove it with. */
  readonly isBlind?: boolean;
  readonly details: readonly string[];
  readonly findings: readonly Finding[];
  /** Tables that could not be read, with the reason. */
  readonly unread?: Walk<unknown>['unread'];
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
    const source = await atTheSource(context).catch(failedProof);
    const sink = await periodic(`${name} in the sink`, context, {
      look: () => inTheSink(context).catch(failedProof),
      repeat: (found, at) => ({ ...found, details: [...found.details, `whole tables added up at ${at}`] }),
    });
    const proofs = [source, sink];
    const detail = proofs.flatMap(({ details }) => details).join('; ');
    const isBlind = proofs.every((proof) => proof.isBlind === true);
    const result: CheckResult = isBlind
      ? notApplicable(detail)
      : {
          verdict: worst(proofs.map(({ verdict }) => verdict)),
          detail,
          findings: proofs.flatMap(({ findings }) => findings),
        };
    const atSource = withUnread(name, result, source.unread ?? new Map(), 'source');
    return withUnread(name, atSource, sink.unread ?? new Map());
  },
} satisfies Check;

/** A proof that fails does not hide what the other one finds. */
function failedProof(error: unknown): Proof {
  return { verdict: 'INCONCLUSIVE', details: [`not judged: ${messageOf(error)}`], findings: [] };
}

async function atTheSource({ config, evidence }: Pick<CheckContext, 'config' | 'evidence'>): Promise<Proof> {
  const passed = (detail: string): Proof => ({ verdict: 'PASS', details: [detail], findings: [] });
  if (config.ledger === null)
    return { ...passed('there is no ledger, so the number of committed writes is not known'), isBlind: true };
  if (!existsSync(config.ledger))
    return { ...passed('the ledger is empty: no workload has run'), isBlind: true };
  const { wrong, undecided, unread, keys } = await evidence.ledger();
  const findings = sourceFindings(
    name,
    wrong.filter((row) => row.class === 'not-committed'),
  );
  if (findings.length > 0) return { ...failed(findings), unread };
  if (undecided.length > 0) return { verdict: 'INCONCLUSIVE', details: undecided, findings, unread };
  return {
    ...passed(`${countOfText(keys, 'row')} checked now, each with as many writes as the ledger has`),
    unread,
  };
}

async function inTheSink(context: CheckContext): Promise<Proof> {
  const sums = await compareSums(context);
  if (sums === null)
    return { verdict: 'PASS', details: ['the sink keeps no offsets'], findings: [], isBlind: true };
  const byTable = Map.groupBy(sums.wrong, ({ table }) => table);
  const findings: Finding[] = [];
  const history: string[] = [];
  for (const table of sums.judged) if (!byTable.has(table)) hasNone(context, subjectOf(table));
  for (const [table, wrong] of byTable) {
    const own = report(table, wrong);
    if (await isOver(context, table, wrong)) history.push(asHistory(own.detail));
    else findings.push(own);
  }
  const { unread } = sums;
  if (findings.length > 0) return { ...failed(findings), unread };
  const right = countOfText(sums.columns - sums.wrong.length, 'column adds', 'columns add');
  const detail = `${right} up to what the events make`;
  const details = [detail, ...history, ...sums.left.map((why) => `not judged: ${why}`)];
  // What could not be read is read again by the next verification: only a PASS is repeated.
  return { verdict: unread.size === 0 ? 'PASS' : 'INCONCLUSIVE', details, findings, unread };
}

function subjectOf(table: string): string {
  return `${name} ${table}`;
}

/** A repair writes rows that no event carries. From then on the sums differ from the events', and the rows are right. */
async function isOver(
  context: Pick<CheckContext, 'pipeline' | 'evidence' | 'memory'>,
  table: string,
  wrong: readonly WrongSum[],
): Promise<boolean> {
  const ids = wrong.map(({ column, excess }) => `${column} ${excess}`);
  const topic = (await context.pipeline.topics()).get(table) ?? null;
  return await isHistory(context, { subject: subjectOf(table), ids, table, handledIn: topic });
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
