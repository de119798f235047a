import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import type { Finding, Report } from '../../verifier/report.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import type { Access } from '../access/access.ts';
import { Interrupted } from '../errors.ts';
import type { Instance, Lab } from '../lab/lab.ts';
import type { Fault } from '../plugins/fault.ts';
import { deadlinesOf, type Phase } from '../plugins/scenario.ts';
import type { UndoLog } from '../undo/undo-log.ts';
import { withDeadline } from '../wait.ts';
import { type Baseline, checkClauses, takeBaseline } from './clauses.ts';
import { describeExpected, describeFinding, judge } from './expectation.ts';
import { sidesOf } from './foreign-pipelines.ts';
import type { Journal } from './journal.ts';
import { instanceSpecOf, pipelineOf, type VariantPlan } from './plan.ts';
import type { VariantResult } from './result.ts';
import { Steps } from './steps.ts';

/** Two Java virtual machines start in it, where Kafka Connect is the host. */
const INSTANCE_WITHIN_MS = 240_000;
/** One call of the verifier; it is asked again while it says SYNC_IN_PROGRESS. */
const VERIFY_CALL_MS = 60_000;
const STEADY_TRANSACTIONS = 20;

export interface RunnerDeps {
  readonly lab: Lab;
  readonly openAccess: (instance: Instance) => Promise<Access>;
  readonly loadFault: (name: string) => Promise<Fault>;
  readonly undo: UndoLog;
  readonly journal: Journal;
  readonly signal: AbortSignal;
  /** Takes the instance when it has served; it is disposed of while the next one runs. */
  readonly retire: (instance: Instance) => void;
  /** Called when a phase begins; the run prepares the next instance in the quiet ones. */
  readonly onPhase?: (phase: Phase) => void;
}

/** What a variant's life has come to; filled as it goes on. */
interface Outcome {
  verdict: Verdict;
  reason: string | null;
  findings: readonly Finding[];
  report: Report | null;
  recoveryMs: number | null;
  /** Events that were delivered twice, where a late proof asks for the count. */
  redelivered: number | null;
}

/**
 * Runs one variant on an instance of its own, from `steady` to `verify`, and hands the instance over to `retire`.
 *
 * @throws only when interrupted, after the heal; every other failure is an INCONCLUSIVE result with its reason.
 */
export async function runVariant(
  plan: VariantPlan,
  deps: RunnerDeps,
  prepared?: Promise<Instance>,
): Promise<VariantResult> {
  const run = new VariantRun(plan, deps);
  return run.run(prepared ?? deps.lab.createInstance(instanceSpecOf(plan)));
}

class VariantRun {
  readonly #plan: VariantPlan;
  readonly #deps: RunnerDeps;
  readonly #deadlinesMs: Record<Phase, number>;
  readonly #outcome: Outcome = {
    verdict: 'INCONCLUSIVE',
    reason: 'it did not get to its end',
    findings: [],
    report: null,
    recoveryMs: null,
    redelivered: null,
  };
  #baseline: Baseline | null = null;

  constructor(plan: VariantPlan, deps: RunnerDeps) {
    this.#plan = plan;
    this.#deps = deps;
    this.#deadlinesMs = deadlinesOf(plan.scenario, plan.tunables);
  }

  async run(preparing: Promise<Instance>): Promise<VariantResult> {
    const { plan, journal, signal } = { plan: this.#plan, ...this.#deps };
    const start = performance.now();
    journal.write({ t: 'variant-started', because: pipelineOf(plan).because, spec: instanceSpecOf(plan) });
    let steps: Steps | null = null;
    try {
      const instance = await this.#standing(preparing);
      journal.write({ t: 'instance-ready', ms: since(start), instance: describeInstance(instance) });
      try {
        await using access = await this.#deps.openAccess(instance);
        signal.throwIfAborted();
        steps = this.#steps(instance, access);
        await this.#live(steps, access, instance);
      } finally {
        if (!this.#keeps()) this.#deps.retire(instance);
      }
    } catch (error) {
      if (signal.aborted) throw interruption(signal, error);
      this.#outcome.verdict = 'INCONCLUSIVE';
      this.#outcome.reason = messageOf(error);
    }
    if (this.#keeps())
      journal.write({
        t: 'kept',
        instance: plan.instanceName,
        inspect: `cdc-lab status --instance ${plan.instanceName}`,
      });
    const result = this.#result(steps, since(start));
    journal.write({ t: 'variant-ended', result });
    return result;
  }

  /** One that stands too late has nobody to serve: it goes as the others do, and takes no room from them. */
  async #standing(preparing: Promise<Instance>): Promise<Instance> {
    const within = ['the instance to stand', INSTANCE_WITHIN_MS, undefined] as const;
    try {
      return await withDeadline(...within, () => preparing);
    } catch (error) {
      preparing.then(this.#deps.retire, () => undefined);
      throw error;
    }
  }

  /** One that is wrong as it should be is there to practise on. */
  #keeps(): boolean {
    const { keep, scenario, variant } = this.#plan;
    const { verdict, findings } = this.#outcome;
    if (!keep || this.#deps.signal.aborted) return false;
    return verdict !== 'PASS' || !judge(scenario.variants[variant].expect, verdict, findings).ok;
  }

  /** All phases; `heal` runs whatever happened before it. */
  async #live(steps: Steps, access: Access, instance: Instance): Promise<void> {
    const { scenario } = this.#plan;
    let failure: unknown;
    try {
      await this.#phase('steady', (signal) => this.#steady(steps, access, signal));
      for (const phase of ['inject', 'hold'] as const) {
        await this.#phase(phase, async (signal) => {
          for (const step of scenario.steps[phase]) {
            if (step.do === 'fault') this.#baseline ??= await takeBaseline(scenario, access, instance);
            await steps.run(step, signal, this.#stepWithinMs(phase));
          }
        });
      }
    } catch (error) {
      failure = error;
    }
    const healFailures = await this.#heal(steps);
    if (failure !== undefined || healFailures.length > 0) {
      await steps.stopWorkloads();
      throw failure ?? healFailures[0];
    }
    await this.#settle(steps);
    await this.#phase('verify', (signal) => this.#verify(access, instance, signal));
  }

  async #steady(steps: Steps, access: Access, signal: AbortSignal): Promise<void> {
    const { kind, rate } = pipelineOf(this.#plan).workload;
    const { seed } = this.#plan;
    const deadlineMs = this.#deadlinesMs.steady;
    await steps.startWorkload('main', { kind, rate, transactions: null, seed });
    await steps.run({ do: 'until-committed', transactions: STEADY_TRANSACTIONS }, signal, deadlineMs);
    const report = await this.#ask(access, signal, deadlineMs, false);
    if (report.verdict === 'PASS' || report.verdict === 'WARN') return;
    const first = report.findings[0];
    const why = first === undefined ? describeWait(report) : describeFinding(first);
    throw new LabError('CDC-5032', `steady state not reached: ${report.verdict}, ${why}`, {
      remedy: 'nothing was injected; the report is in the journal',
    });
  }

  /** Not under the run's signal: what is broken is mended even when everything else is called off. */
  async #heal(steps: Steps): Promise<unknown[]> {
    const withinMs = this.#deadlinesMs.heal;
    const start = performance.now();
    this.#begin('heal');
    const failures = await steps.healAll(new AbortController().signal, withinMs);
    this.#end('heal', start, failures[0]);
    return failures;
  }

  async #settle(steps: Steps): Promise<void> {
    const { scenario } = this.#plan;
    const withinMs = this.#stepWithinMs('settle');
    const start = performance.now();
    try {
      await this.#phase('settle', async (signal) => {
        await steps.untilCaughtUp(signal, withinMs);
        this.#outcome.recoveryMs = since(start);
        for (const step of scenario.steps.settle) await steps.run(step, signal, withinMs);
        await steps.stopWorkloads();
        await steps.untilCaughtUp(signal, withinMs);
      });
    } catch (error) {
      // Not caught up in time: what that comes to is the verifier's to say.
      if (this.#deps.signal.aborted) throw error;
      await steps.stopWorkloads();
    }
  }

  async #verify(access: Access, instance: Instance, signal: AbortSignal): Promise<void> {
    const { scenario } = this.#plan;
    const report = await this.#ask(access, signal, this.#deadlinesMs.verify, true);
    const { recoveryMs } = this.#outcome;
    Object.assign(this.#outcome, {
      verdict: report.verdict,
      findings: report.findings,
      report,
      reason: report.verdict === 'INCONCLUSIVE' ? describeWait(report) : null,
    });
    for (const proof of scenario.lateProofs) {
      const seen = await access.redelivered(signal);
      this.#outcome.redelivered = seen;
      if (seen >= proof.atLeast) continue;
      this.#outcome.verdict = 'INCONCLUSIVE';
      this.#outcome.reason = `${seen} events were delivered twice, and ${proof.atLeast} would be the proof`;
      return;
    }
    if (report.verdict !== 'PASS') return;
    const broken = await checkClauses(this.#plan, access, instance, this.#baseline, this.#deps.journal);
    if (broken !== null) {
      this.#outcome.verdict = 'FAIL';
      this.#outcome.reason = broken;
    } else if (
      recoveryMs === null ||
      recoveryMs > scenario.contract.recoverWithinMs + this.#plan.tunables.rows * 2
    ) {
      this.#outcome.verdict = 'WARN';
      this.#outcome.reason = `it recovered, but not within ${scenario.contract.recoverWithinMs} ms`;
    }
  }

  /** Asks until the verdict is final or the deadline is near; the last report. */
  async #ask(access: Access, signal: AbortSignal, withinMs: number, quiet: boolean): Promise<Report> {
    const end = performance.now() + withinMs * 0.9;
    for (;;) {
      const deadlineMs = Math.max(1000, Math.min(VERIFY_CALL_MS, Math.round(end - performance.now())));
      const report = await access.verify({ deadlineMs, quiet, signal });
      this.#deps.journal.write({ t: 'verification', verdict: report.verdict, report });
      if (report.verdict !== 'SYNC_IN_PROGRESS' || performance.now() >= end) return report;
    }
  }

  async #phase(phase: Phase, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const start = performance.now();
    this.#begin(phase);
    try {
      await withDeadline(`phase ${phase} to end`, this.#deadlinesMs[phase], this.#deps.signal, work);
    } catch (error) {
      this.#end(phase, start, error);
      throw error;
    }
    this.#end(phase, start, undefined);
  }

  /** A wait ends before its phase does, so that the error says what was waited for. */
  #stepWithinMs(phase: Phase): number {
    return Math.round(this.#deadlinesMs[phase] * 0.9);
  }

  #begin(phase: Phase): void {
    this.#deps.journal.write({ t: 'phase-started', phase });
    this.#deps.onPhase?.(phase);
  }

  #end(phase: Phase, start: number, error: unknown): void {
    const said = error === undefined ? {} : { error: messageOf(error) };
    this.#deps.journal.write({ t: 'phase-ended', phase, ms: since(start), ok: error === undefined, ...said });
  }

  #steps(instance: Instance, access: Access): Steps {
    const { lab, journal, undo, loadFault } = this.#deps;
    const { tunables, seed, noOp } = this.#plan;
    return new Steps({ lab, instance, access, journal, undo, loadFault, tunables, seed, noOp });
  }

  #result(steps: Steps | null, durationMs: number): VariantResult {
    const { scenario, variant } = this.#plan;
    const { verdict, reason, findings, recoveryMs, report } = this.#outcome;
    const { expect } = scenario.variants[variant];
    const { choice, foreign } = this.#plan;
    const judgement = judge(expect, verdict, findings);
    return {
      scenario: scenario.id,
      variant,
      ...(foreign === undefined ? choice.engines : sidesOf(foreign)),
      runtime: this.#deps.lab.runtime.name,
      verdict,
      expected: expect.verdict,
      ok: judgement.ok,
      reason: reason ?? judgement.reason,
      expectedFinding: describeExpected(expect),
      durationMs,
      recoveryMs,
      proof: {
        injected: steps?.proven.join(', ') || null,
        healed: steps?.healed.join('; ') || null,
        evidence: steps?.evidence ?? {},
      },
      duplicates: {
        delivered: this.#outcome.redelivered ?? report?.deliveries?.duplicatesDelivered ?? null,
        suppressed: report?.deliveries?.duplicatesSuppressed ?? null,
      },
      findings: [...findings],
      dir: this.#plan.folder,
    };
  }
}

function describeInstance(instance: Instance): Record<string, unknown> {
  const { name, dir, topicPrefix, slot, publication, consumerGroup, services } = instance;
  const { captureUrl, sinkWorkerUrl, verifierUrl } = instance;
  return {
    name,
    dir,
    topicPrefix,
    slot,
    publication,
    consumerGroup,
    services,
    captureUrl,
    sinkWorkerUrl,
    verifierUrl,
  };
}

function describeWait(report: Report): string {
  const { progress } = report;
  if (progress !== null && progress.waitingFor.length > 0)
    return `waiting for ${progress.waitingFor.join(', ')}`;
  const worst = report.checks.find((check) => check.verdict === report.verdict);
  return worst === undefined ? 'without a finding' : `${worst.check}: ${worst.detail}`;
}

function interruption(signal: AbortSignal, error: unknown): unknown {
  return signal.reason instanceof Interrupted ? signal.reason : error;
}

const since = (start: number): number => Math.round(performance.now() - start);
