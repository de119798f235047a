import { type Finding, finding } from '../../verifier/report.ts';
import { countOfText } from '../../verifier/units.ts';
import type { Access } from '../access/access.ts';
import type { ContractWatch } from '../contract/contract-watch.ts';
import type { WorkloadSummary } from '../lab/lab.ts';
import type { Journal } from './journal.ts';
import type { Outcome } from './outcome.ts';
import type { VariantPlan } from './plan.ts';

export interface ConcludeDeps {
  readonly plan: VariantPlan;
  readonly access: Access;
  readonly contract: ContractWatch;
  readonly journal: Journal;
  /** Of all workloads, which have ended by now. */
  readonly writes: WorkloadSummary;
  /** Null: it has not caught up since the heal. */
  readonly recoveryMs: number | null;
  readonly signal: AbortSignal;
}

/** The verifier's outcome, checked against late proofs and the contract. */
export async function conclude(verified: Outcome, deps: ConcludeDeps): Promise<Outcome> {
  const { scenario, tunables } = deps.plan;
  let outcome = verified;
  for (const proof of scenario.lateProofs) {
    const redelivered = await deps.access.redelivered(deps.signal);
    outcome = { ...outcome, redelivered };
    if (redelivered >= proof.atLeast) continue;
    const reason = `${redelivered} events were delivered twice; the proof needs at least ${proof.atLeast}`;
    return { ...outcome, verdict: 'INCONCLUSIVE', reason };
  }
  outcome = await underContract(outcome, deps);
  if (outcome.verdict !== 'PASS') return outcome;
  const recoverWithinMs = scenario.contract.recoverWithinMs + tunables.rows * 2;
  if (deps.recoveryMs !== null && deps.recoveryMs <= recoverWithinMs) return outcome;
  const reason = `it recovered, but not within ${scenario.contract.recoverWithinMs} ms`;
  return { ...outcome, verdict: 'WARN', reason };
}

/** Records that repeat a position, where the contract forbids them; undefined: it allows them, or there are none. */
async function redeliveries({ plan, access, signal }: ConcludeDeps): Promise<Finding | undefined> {
  if (plan.scenario.contract.duplicateDeliveries === 'legal') return undefined;
  const count = await access.redelivered(signal);
  if (count === 0) return undefined;
  const detail = `the contract is broken (no event is delivered twice): ${countOfText(count, 'event')} came twice`;
  const about = { check: 'contract', verdict: 'FAIL', hop: 'capture', count, detail } as const;
  return finding({ ...about, class: 'bound-exceeded' });
}

/** A broken clause is a finding, and a FAIL. A clause about which nothing was seen keeps a run from passing. */
async function underContract(outcome: Outcome, deps: ConcludeDeps): Promise<Outcome> {
  const { contract, journal, writes, signal } = deps;
  const judgement = await contract.judge(outcome.verdict, writes, signal);
  const { clauses, unjudged } = judgement;
  const twice = await redeliveries(deps);
  const findings = twice === undefined ? judgement.findings : [...judgement.findings, twice];
  for (const { clause, holds, detail } of clauses) {
    journal.write({ t: 'clause', kind: clause.kind, why: clause.why, holds, detail });
  }
  const judged = {
    ...outcome,
    findings: [...outcome.findings, ...findings],
    stops: contract.stops,
    clauses: clauses.map(({ clause: { kind, why }, holds, detail }) => ({ kind, why, holds, detail })),
  };
  if (findings.length > 0) return { ...judged, verdict: 'FAIL', reason: null };
  if (unjudged === null || outcome.verdict === 'FAIL') return judged;
  const reason = `nothing was seen by which to judge a clause of the contract (${unjudged.why})`;
  return { ...judged, verdict: 'INCONCLUSIVE', reason };
}
