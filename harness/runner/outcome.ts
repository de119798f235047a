import { FIXTURE_TABLES } from '../../fixtures/schema/schema.ts';
import type { Finding, Report } from '../../verifier/report.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import { stopEvidence } from '../contract/stop.ts';
import type { StopSeen } from '../plugins/ends.ts';
import { variantOf } from '../plugins/scenario.ts';
import { describeExpected, describeFinding, judge } from './expectation.ts';
import { sidesOf } from './foreign-pipelines.ts';
import type { PipelineEndedError } from './pipeline-watch.ts';
import type { VariantPlan } from './plan.ts';
import type { ClauseOutcome, VariantResult, WrongRow } from './result.ts';
import type { Steps } from './steps.ts';

/** How a variant ended. */
export interface Outcome {
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly findings: readonly Finding[];
  readonly report: Report | null;
  /** Events that were delivered twice, if a late proof asks for the count. */
  readonly redelivered: number | null;
  readonly wrongRow: WrongRow | null;
  /** Required stops that a step waited for. */
  readonly stops: readonly StopSeen[];
  readonly clauses: readonly ClauseOutcome[];
}

export const NOT_FINISHED: Outcome = {
  verdict: 'INCONCLUSIVE',
  reason: 'it did not finish',
  findings: [],
  report: null,
  redelivered: null,
  wrongRow: null,
  stops: [],
  clauses: [],
};

/** What the verifier's last report says, before late proofs and clauses are checked. */
export function outcomeOf(report: Report): Outcome {
  const { verdict, findings } = report;
  const reason = verdict === 'INCONCLUSIVE' ? describeReport(report) : null;
  return { ...NOT_FINISHED, verdict, reason, findings, report };
}

/** What the run says of somebody else's pipeline that has ended: the verifier cannot see it. */
export function endedOutcome({ message, finding }: PipelineEndedError): Outcome {
  return { ...NOT_FINISHED, verdict: 'FAIL', reason: message, findings: [finding] };
}

/** Why a report has no better verdict: what the verifier waits for, or else its worst check. */
function describeReport({ progress, checks, verdict }: Report): string {
  if (progress !== null && progress.waitingFor.length > 0)
    return `waiting for ${progress.waitingFor.join(', ')}`;
  const worst = checks.find((check) => check.verdict === verdict);
  return worst === undefined ? 'without a finding' : `${worst.check}: ${worst.detail}`;
}

/** Why a pipeline is not in a steady state: the first finding of a report, else what it waits for. */
export function describeUnsteady(report: Report): string {
  const [first] = report.findings;
  return first === undefined ? describeReport(report) : describeFinding(first);
}

/** Whether the verdict is the one that the plan expects, for the expected reason. */
export function isExpected(
  { scenario, variant }: VariantPlan,
  { verdict, findings, stops }: Outcome,
): boolean {
  return judge(variantOf(scenario, variant).expect, verdict, findings, stops).ok;
}

/** What is measured of a variant besides its outcome. */
export interface Measured {
  readonly runtime: string;
  readonly durationMs: number;
  readonly recoveryMs: number | null;
  /** Null: there was nothing to recover. */
  readonly recovered: Recovered | null;
  /** Why the lab cannot do what the scenario declares; null if it can, or if there is nothing to do. */
  readonly notRecovered: string | null;
}

/** How a variant came back. */
export interface Recovered {
  /** Of the second verification; INCONCLUSIVE if an action failed. */
  readonly verdict: Verdict;
  /** Why it is not PASS; null if it is. */
  readonly reason: string | null;
  /** The actions that were done, as a person types them, each with what it said. */
  readonly actions: readonly { readonly command: string; readonly said: string }[];
}

/** The line of a variant in the run's result. @param steps Null if the pipeline was never set up. */
export function resultOf(
  { scenario, variant, choice, foreign, folder }: VariantPlan,
  { verdict, reason, findings, report, redelivered, wrongRow, stops, clauses }: Outcome,
  { runtime, durationMs, recoveryMs, recovered, notRecovered }: Measured,
  steps: Steps | null,
): VariantResult {
  const { expect } = variantOf(scenario, variant);
  const judgement = judge(expect, verdict, findings, stops);
  return {
    scenario: scenario.id,
    variant,
    ...(foreign === undefined ? choice.engines : sidesOf(foreign)),
    runtime,
    verdict,
    expected: expect.verdict,
    ok: judgement.ok && (recovered === null || recovered.verdict === 'PASS'),
    reason: reason ?? judgement.reason ?? unrecovered(recovered),
    expectedFinding: describeExpected(expect),
    durationMs,
    recoveryMs,
    proof: {
      injected: steps?.proven.join(', ') || null,
      healed: steps?.healed.join('; ') || null,
      evidence: steps?.evidence ?? {},
    },
    duplicates: {
      delivered: redelivered ?? report?.deliveries?.duplicatesDelivered ?? null,
      suppressed: report?.deliveries?.duplicatesSuppressed ?? null,
    },
    findings: [...findings],
    ...(stops.length === 0 ? {} : { stops: stops.map(stopEvidence) }),
    ...(clauses.length === 0 ? {} : { clauses: [...clauses] }),
    ...(recovered === null ? {} : { recovered: recovered.verdict, recovery: [...recovered.actions] }),
    ...(notRecovered === null ? {} : { notRecovered }),
    ...(wrongRow === null ? {} : { wrongRow }),
    ...scopeOf(foreign),
    dir: folder,
  };
}

function unrecovered(recovered: Recovered | null): string | null {
  if (recovered === null || recovered.reason === null) return null;
  return `the recovery ends in ${recovered.verdict}: ${recovered.reason}`;
}

/** Tables that somebody else's pipeline does not carry. */
function scopeOf(foreign: VariantPlan['foreign']): Pick<VariantResult, 'outOfScope'> {
  const carried = foreign?.pipeline.tables;
  if (carried === undefined) return {};
  return { outOfScope: FIXTURE_TABLES.filter((table) => !carried.includes(table)) };
}
