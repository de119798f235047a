import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import { unreachable } from '../../pipeline/contract/unreachable.ts';
import type { StartedWorkload, WorkloadSpec } from '../lab/lab.ts';
import type { Evidence } from '../plugins/fault.ts';
import type { Step } from '../plugins/scenario.ts';
import { withDeadline } from '../wait.ts';
import { type InjectionDeps, Injections } from './injections.ts';
import { type Bounds, type WaitDeps, Waits } from './waits.ts';

export interface StepDeps extends InjectionDeps, WaitDeps {
  readonly seed: number;
}

/** Longer than a request to a worker, shorter than a person waits after Ctrl-C. */
const STEP_ENDS_WITHIN_MS = 20_000;

/** Carries out a scenario's steps on one instance, and undoes what they did. */
export class Steps {
  readonly #deps: StepDeps;
  readonly #waits: Waits;
  readonly #injections: Injections;
  readonly #workloads = new Map<string, StartedWorkload>();
  /** Settles when the last step has ended, which may be long after its caller gave up on it. */
  #underWay: Promise<unknown> = Promise.resolve();
  /** What was seen, by fault or condition: the `proof` of the result. */
  readonly evidence: Record<string, Evidence> = {};

  constructor(deps: StepDeps) {
    this.#deps = deps;
    this.#waits = new Waits(deps);
    this.#injections = new Injections(deps);
  }

  get proven(): readonly string[] {
    return this.#injections.proven;
  }
  get targets(): ReadonlySet<string> {
    return this.#injections.targets;
  }
  get healed(): readonly string[] {
    return this.#injections.healed;
  }

  async startWorkload(name: string, spec: WorkloadSpec): Promise<void> {
    const started = await this.#deps.instance.startWorkload(spec);
    this.#workloads.set(name, started);
    // A step may await it later; a rejection before that must not end the process.
    started.finished.catch(() => undefined);
    this.#note(`workload ${name} started`, { ...spec });
  }

  async stopWorkload(name: string): Promise<void> {
    const workload = this.#workloads.get(name);
    if (workload === undefined) return;
    this.#workloads.delete(name);
    this.#note(`workload ${name} stopped`, { ...(await workload.stop()) });
  }

  async stopWorkloads(): Promise<void> {
    for (const name of [...this.#workloads.keys()]) await this.stopWorkload(name);
  }

  untilCaughtUp(bounds: Bounds): Promise<void> {
    return this.#waits.untilCaughtUp(bounds);
  }

  /** @throws NotProvenError for a fault, DeadlineError for a wait that timed out. */
  run(step: Step, bounds: Bounds): Promise<void> {
    const work = this.#do(step, bounds);
    this.#underWay = work.catch(() => undefined);
    return work;
  }

  async #do(step: Step, bounds: Bounds): Promise<void> {
    switch (step.do) {
      case 'fault':
        this.evidence[step.fault] = await this.#injections.inject(step.fault, step.with, bounds);
        return;
      case 'start-workload': {
        const { kind, rate, transactions } = step;
        const rows = step.rows === 'tunable' ? { rows: this.#deps.tunables.rows } : {};
        return this.startWorkload(step.as, { kind, rate, transactions, seed: this.#deps.seed + 1, ...rows });
      }
      case 'finish-workload':
        return this.#finishWorkload(step.as, bounds);
      case 'stop-workload':
        return this.stopWorkload(step.as);
      case 'until-committed':
        return this.#waits.untilCommitted(step.transactions, bounds);
      case 'until-behind':
        this.evidence['consumer-lag'] = await this.#waits.untilBehind(step.events, bounds);
        return;
      case 'until-caught-up':
        return this.#waits.untilCaughtUp(bounds);
      case 'until-lag-alert': {
        const seen = await this.#waits.untilLagAlert(step.is, bounds);
        if (seen !== null) this.evidence['lag-alert'] = { ...this.evidence['lag-alert'], ...seen };
        return;
      }
      case 'expect-verdict': {
        const report = await this.#deps.access.verify({ deadlineMs: 1000, signal: bounds.signal });
        this.#deps.journal.write({ t: 'verification', verdict: report.verdict, report });
        if (report.verdict === step.verdict) return;
        throw new LabError('CDC-5031', `the verifier said ${report.verdict}; ${step.verdict} was expected`, {
          remedy: 'see the report in the journal',
        });
      }
      default:
        return unreachable(step, 'step');
    }
  }

  /**
   * Heals what was injected. A step whose caller gave up on it may still run, and could inject after the heal:
   * wait for it first. If it does not end in time, its failure is returned with those of the heals.
   */
  async healAll(bounds: Bounds): Promise<unknown[]> {
    const overrun = await this.#underWayEnds(bounds);
    return [...overrun, ...(await this.#injections.healAll(bounds, overrun.length === 0))];
  }

  async #underWayEnds({ signal, withinMs }: Bounds): Promise<unknown[]> {
    const endsWithinMs = Math.min(withinMs, STEP_ENDS_WITHIN_MS);
    try {
      await withDeadline('the step that was given up to end', endsWithinMs, signal, () => this.#underWay);
      return [];
    } catch (error) {
      this.#note('a step that was given up goes on', { error: messageOf(error) });
      return [error];
    }
  }

  async #finishWorkload(name: string, { signal, withinMs }: Bounds): Promise<void> {
    const workload = this.#workloads.get(name);
    if (workload === undefined) return;
    const summary = await withDeadline(`workload ${name} to end`, withinMs, signal, () => workload.finished);
    this.#workloads.delete(name);
    this.#note(`workload ${name} ended`, { ...summary });
  }

  #note(step: string, detail: Evidence): void {
    this.#deps.journal.write({ t: 'step', step, detail });
  }
}
