import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import type { Report } from '../../verifier/report.ts';
import type { Access } from '../access/access.ts';
import { ContractWatch } from '../contract/contract-watch.ts';
import type { Instance, Lab } from '../lab/lab.ts';
import type { Fault } from '../plugins/fault.ts';
import { deadlinesOf, isFaultStep, type Phase, type Step, variantOf } from '../plugins/scenario.ts';
import { withTarget } from '../terminal/with-target.ts';
import type { UndoLog } from '../undo/undo-log.ts';
import { DeadlineError, withDeadline } from '../wait.ts';
import type { Bounds } from './bounds.ts';
import { conclude } from './conclude.ts';
import { firstSentence } from './in-words.ts';
import type { Journal } from './journal.ts';
import {
  describeUnsteady,
  endedOutcome,
  isExpected,
  NOT_FINISHED,
  type Outcome,
  outcomeOf,
  type Recovered,
  resultOf,
} from './outcome.ts';
import { Phases } from './phases.ts';
import { PipelineEndedError, whileItRuns } from './pipeline-watch.ts';
import { instanceSpecOf, pipelineOf, type VariantPlan } from './plan.ts';
import { cannotRecover, commandsToRecover, recoverVariant, recoveryOf } from './recovery.ts';
import type { VariantResult } from './result.ts';
import { ServerWatch } from './server-watch.ts';
import { Steps } from './steps.ts';
import { wrongRowOf } from './wrong-row.ts';

/** Two Java virtual machines start in it if Kafka Connect is the host. */
const INSTANCE_WITHIN_MS = 240_000;
/** One call of the verifier; it is asked again while it says SYNC_IN_PROGRESS. */
const VERIFY_CALL_MS = 60_000;
const STEADY_TRANSACTIONS = 20;
/** How long to wait for a pipeline that has been shown to stand still, or not to stop where it must. */
const STUCK_MS = 6_000;

export interface RunnerDeps {
  readonly lab: Lab;
  readonly openAccess: (instance: Instance) => Promise<Access>;
  readonly loadFault: (name: string) => Promise<Fault>;
  readonly undo: UndoLog;
  readonly journal: Journal;
  readonly signal: AbortSignal;
  /** Takes over an instance that is no longer needed; it is disposed of while the next one runs. */
  readonly retire: (instance: Instance) => void;
  /** Called when a phase begins; the run prepares the next instance in the quiet ones. */
  readonly onPhase?: (phase: Phase) => void;
}

/**
 * Runs one variant on an instance made for it, from `steady` to `verify`, and hands the instance over to `retire`. A
 * failure, also an interrupt, is an INCONCLUSIVE result with its reason, after the heal.
 *
 * @param prepared The instance, if the run has begun to set it up before the variant's turn.
 * @throws only if an instance that is to be kept cannot be recorded.
 */
export async function runVariant(
  plan: VariantPlan,
  deps: RunnerDeps,
  prepared?: Promise<Instance>,
): Promise<VariantResult> {
  return new VariantRun(plan, deps).run(prepared ?? deps.lab.createInstance(instanceSpecOf(plan)));
}

class VariantRun {
  readonly #plan: VariantPlan;
  readonly #deps: RunnerDeps;
  readonly #deadlinesMs: Readonly<Record<Phase, number>>;
  readonly #phases: Phases;
  readonly #watch: ServerWatch;
  /** Aborts when the run is interrupted, and when a server is lost. */
  readonly #signal: AbortSignal;
  #steps: Steps | null = null;
  #outcome: Outcome = NOT_FINISHED;
  #isReady = false;
  #phase: Phase | null = null;
  /** From the end of `heal` until slot and consumer group had caught up; null: they have not. */
  #recoveryMs: number | null = null;
  #recovered: Recovered | null = null;
  #notRecovered: string | null = null;

  constructor(plan: VariantPlan, deps: RunnerDeps) {
    this.#plan = plan;
    this.#deps = deps;
    this.#deadlinesMs = deadlinesOf(plan.scenario, plan.tunables);
    const { journal, lab } = deps;
    this.#watch = new ServerWatch(lab, () => this.#steps?.targets ?? new Set());
    this.#signal = AbortSignal.any([deps.signal, this.#watch.signal]);
    const onPhase = (phase: Phase): void => {
      // It runs in any case, for what came before it.
      if (phase !== 'heal') this.#phase = phase;
      deps.onPhase?.(phase);
    };
    this.#phases = new Phases({ journal, signal: this.#signal, onPhase, deadlinesMs: this.#deadlinesMs });
  }

  async run(preparing: Promise<Instance>): Promise<VariantResult> {
    const plan = this.#plan;
    const { journal, lab } = this.#deps;
    const start = performance.now();
    const { title, lesson } = plan.scenario;
    const [breaks, spec] = [firstSentence(lesson), instanceSpecOf(plan)];
    journal.write({ t: 'variant-started', title, breaks, because: pipelineOf(plan).because, spec });
    await this.#live(preparing, start);
    this.#watch[Symbol.dispose]();
    if (this.#keeps()) {
      await lab.keep?.(plan.instanceName);
      const inspect = withTarget(`cdc-lab status --instance ${plan.instanceName}`, plan.target ?? []);
      const recover = (await commandsToRecover(plan)).map((one) => withTarget(one, plan.target ?? []));
      journal.write({ t: 'kept', instance: plan.instanceName, inspect, recover });
    }
    const measured = {
      runtime: lab.runtime.name,
      durationMs: since(start),
      recoveryMs: this.#recoveryMs,
      recovered: this.#recovered,
      notRecovered: this.#notRecovered,
    };
    const result = resultOf(plan, this.#outcome, measured, this.#steps);
    journal.write({ t: 'variant-ended', result });
    return result;
  }

  /** From the instance's set-up to its retirement. */
  async #live(preparing: Promise<Instance>, start: number): Promise<void> {
    const { journal, openAccess, retire } = this.#deps;
    try {
      const instance = await this.#ready(preparing);
      this.#isReady = true;
      journal.write({ t: 'instance-ready', ms: since(start), instance: describeInstance(instance) });
      try {
        await using access = await openAccess(instance);
        this.#signal.throwIfAborted();
        await this.#runPhases(access, instance);
      } catch (error) {
        this.#giveUp(error);
        throw error;
      } finally {
        if (!this.#keeps()) retire(instance);
      }
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** Keeps what was found so far, without a verdict, unless it is the pipeline that has ended. */
  #giveUp(error: unknown): void {
    if (error instanceof PipelineEndedError) {
      this.#outcome = endedOutcome(error);
      return;
    }
    const { signal } = this.#deps;
    const where = this.#phase === null ? 'while it was set up' : `in phase ${this.#phase}`;
    const reason = signal.aborted ? `${messageOf(signal.reason)} ${where}` : messageOf(error);
    this.#outcome = { ...this.#outcome, verdict: 'INCONCLUSIVE', reason };
  }

  /** If set-up exceeds its deadline, the instance is still retired: it would take room from the others. */
  async #ready(preparing: Promise<Instance>): Promise<Instance> {
    try {
      return await withDeadline('the instance to be ready', INSTANCE_WITHIN_MS, undefined, () => preparing);
    } catch (error) {
      preparing.then(this.#deps.retire, () => undefined);
      throw error;
    }
  }

  /** A pipeline that is wrong, even one that is expected to be, is kept to practise on. */
  #keeps(): boolean {
    if (!this.#plan.keep || !this.#isReady || this.#deps.signal.aborted) return false;
    return this.#outcome.verdict !== 'PASS' || !isExpected(this.#plan, this.#outcome);
  }

  /** All phases; `heal` runs even after a failure. */
  async #runPhases(access: Access, instance: Instance): Promise<void> {
    const { scenario, tunables } = this.#plan;
    const { clauses } = scenario.contract;
    const { lab } = this.#deps;
    await using contract = new ContractWatch({ clauses, access, lab, instance, tunables });
    const steps = this.#stepsOn(instance, access, contract);
    this.#steps = steps;
    let failure: unknown;
    try {
      const isOver = await this.#steady(steps, access, instance);
      if (!isOver) contract.begin();
      for (const phase of isOver ? [] : (['inject', 'hold'] as const)) {
        const watched = endsPipeline(scenario) ? undefined : instance.pipeline;
        await this.#watching(phase, watched, async (bounds) => {
          for (const step of scenario.steps[phase]) {
            if (isFaultStep(step)) await contract.beforeFault();
            await steps.run(step, bounds);
          }
        });
      }
      if (isOver) {
        await steps.workloads.stopAll();
        await this.#showWrongRow(access, instance);
        return;
      }
    } catch (error) {
      failure = error;
    }
    const healFailures = await this.#phases.heal((bounds) => steps.healAll(bounds));
    if (failure !== undefined || healFailures.length > 0) {
      const first = failure ?? healFailures[0];
      await steps.workloads.stopAll().catch(() => undefined);
      throw first;
    }
    await this.#settle(steps, contract, instance);
    await this.#watching('verify', instance.pipeline, async ({ signal }) => {
      const withinMs = contract.ended === 'stuck' ? STUCK_MS : this.#deadlinesMs.verify;
      const verified = outcomeOf(await this.#ask(access, signal, withinMs, true));
      const seen = { writes: steps.workloads.written, recoveryMs: this.#recoveryMs };
      const { journal } = this.#deps;
      const given = { plan: this.#plan, access, contract, journal, signal, ...seen };
      this.#outcome = await conclude(verified, given);
      await this.#showWrongRow(access, instance);
    });
    const actions = recoveryOf(this.#plan, this.#outcome);
    this.#notRecovered = cannotRecover(actions, lab);
    if (actions.length === 0 || this.#notRecovered !== null) return;
    const verify = (signal: AbortSignal, withinMs: number) => this.#ask(access, signal, withinMs, true);
    const { journal } = this.#deps;
    const catchUp = (bounds: Bounds) => steps.run({ do: 'until-caught-up' }, bounds);
    const given = { lab, instance, access, journal, signal: this.#signal, verify, catchUp };
    this.#recovered = await recoverVariant(actions, given);
  }

  /** A phase that is given up as soon as somebody else's pipeline has ended. */
  #watching(
    phase: Phase,
    watched: Instance['pipeline'],
    work: (bounds: Bounds) => Promise<void>,
  ): Promise<void> {
    return this.#phases.run(phase, ({ signal, withinMs }) =>
      whileItRuns(watched, signal, (inner) => work({ signal: inner, withinMs })),
    );
  }

  /** @returns whether the variant is over, with the verdict that it had before anything was broken. */
  async #steady(steps: Steps, access: Access, instance: Instance): Promise<boolean> {
    let report: Report | undefined;
    await this.#watching('steady', instance.pipeline, async ({ signal }) => {
      report = await this.#untilSteady(steps, access, signal);
    });
    if (report === undefined) throw new Error('the steady phase ended without a report');
    const { foreign, scenario, variant } = this.#plan;
    const { expect } = variantOf(scenario, variant);
    const declared = expect.verdict === 'FAIL' && expect.shows === 'steady';
    const isSteady = report.verdict === 'PASS' || report.verdict === 'WARN';
    if (isSteady && !declared) return false;
    if (declared || (foreign !== undefined && report.verdict === 'FAIL')) {
      const reason = declared ? null : `before anything was broken: ${describeUnsteady(report)}`;
      this.#outcome = { ...outcomeOf(report), reason };
      return true;
    }
    const why = describeUnsteady(report);
    throw new LabError('CDC-5032', `steady state not reached: ${report.verdict}, ${why}`, {
      remedy: 'see the report in the journal; nothing was injected',
    });
  }

  async #untilSteady(steps: Steps, access: Access, signal: AbortSignal): Promise<Report> {
    const { kind, rate } = pipelineOf(this.#plan).workload;
    const { seed } = this.#plan;
    const withinMs = this.#deadlinesMs.steady;
    await steps.workloads.start('main', { kind, rate, transactions: null, seed });
    await steps.run({ do: 'until-committed', transactions: STEADY_TRANSACTIONS }, { signal, withinMs });
    return await this.#ask(access, signal, withinMs, false);
  }

  /** Catches up, unless a step waits for a stop or a stall instead, and has seen one. */
  async #settle(steps: Steps, contract: ContractWatch, { pipeline }: Instance): Promise<void> {
    const start = performance.now();
    const { settle } = this.#plan.scenario.steps;
    let isCatchingUp = false;
    const catchUp = async (bounds: Bounds): Promise<void> => {
      if (contract.ended === 'stopped') return;
      const withinMs = contract.ended === 'stuck' ? STUCK_MS : bounds.withinMs;
      isCatchingUp = true;
      await steps.run({ do: 'until-caught-up' }, { ...bounds, withinMs });
      isCatchingUp = false;
      this.#recoveryMs ??= since(start);
    };
    try {
      await this.#watching('settle', pipeline, async (bounds) => {
        if (contract.ended !== 'stuck' && !settle.some(waitsForAnEnd)) await catchUp(bounds);
        for (const step of settle) await steps.run(step, bounds);
        await steps.workloads.stopAll();
        await catchUp(bounds);
      });
    } catch (error) {
      if (this.#signal.aborted) throw error;
      // If it has not caught up in time, the verifier says what that means. A step that failed is no answer.
      if (isCatchingUp && error instanceof DeadlineError) return await steps.workloads.stopAll();
      await steps.workloads.stopAll().catch(() => undefined);
      throw error;
    }
  }

  /** Leaves out the rows of an external lab's target: they are not for the lab to print. */
  async #showWrongRow(access: Access, { reach }: Instance): Promise<void> {
    const { scenario, variant } = this.#plan;
    const { verdict, findings } = this.#outcome;
    if (verdict !== 'FAIL' || reach !== undefined) return;
    try {
      const wrongRow = await wrongRowOf(findings, variantOf(scenario, variant).expect, access);
      this.#outcome = { ...this.#outcome, wrongRow };
    } catch (error) {
      // A foreign pipeline may use other table names, and the verdict needs no example.
      this.#deps.journal.write({
        t: 'step',
        step: 'no wrong row to show',
        detail: { error: messageOf(error) },
      });
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

  #stepsOn(instance: Instance, access: Access, contract: ContractWatch): Steps {
    const { lab, journal, undo, loadFault } = this.#deps;
    const { tunables, seed, noOp } = this.#plan;
    return new Steps({ lab, instance, access, journal, undo, loadFault, tunables, seed, noOp, contract });
  }
}

/** Whether the step waits for a stop or a stall: then it takes the place of catching up. */
function waitsForAnEnd({ do: type }: Step): boolean {
  return type === 'until-stopped' || type === 'until-stalled';
}

/** Whether the scenario itself ends somebody else's pipeline for a while. */
function endsPipeline({ steps }: VariantPlan['scenario']): boolean {
  return steps.inject.some((step) => isFaultStep(step) && step.fault === 'end-pipeline');
}

function describeInstance(instance: Instance): Record<string, unknown> {
  const { name, dir, topicPrefix, slot, publication, consumerGroup, services } = instance;
  const { captureUrl, sinkWorkerUrl, verifierUrl } = instance;
  return {
    ...{ name, dir, topicPrefix, slot, publication, consumerGroup, services },
    ...{ captureUrl, sinkWorkerUrl, verifierUrl },
  };
}

const since = (start: number): number => Math.round(performance.now() - start);
