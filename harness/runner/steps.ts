import { messageOf } from '../../pipeline/contract/errors.ts';
import { accept } from '../../pipeline/contract/mistake.ts';
import type { ContractWatch } from '../contract/contract-watch.ts';
import { loadStep, paramsOf } from '../plugins/catalogue.ts';
import type { Evidence } from '../plugins/fault.ts';
import type { Step, Tunables } from '../plugins/scenario.ts';
import type { StepContext } from '../plugins/step.ts';
import { withDeadline } from '../wait.ts';
import type { Bounds } from './bounds.ts';
import { type InjectionDeps, Injections } from './injections.ts';
import { RunningWorkloads } from './running-workloads.ts';

export interface StepDeps extends InjectionDeps {
  readonly tunables: Tunables;
  readonly seed: number;
  /** Left out: nobody judges the run. */
  readonly contract?: Pick<ContractWatch, 'keepStop' | 'keepStall' | 'keepUnsaid'>;
}

/** Longer than a request to a worker, shorter than a person waits after Ctrl-C. */
const STEP_ENDS_WITHIN_MS = 20_000;

/** Carries out a scenario's steps on one instance, and undoes what they did. */
export class Steps {
  readonly #deps: StepDeps;
  readonly #injections: Injections;
  readonly workloads: RunningWorkloads;
  /** Settles when the last step has ended, which may be long after its caller gave up on it. */
  #underWay: Promise<unknown> = Promise.resolve();
  /** What was seen, by fault or condition: the `proof` of the result. */
  readonly evidence: Record<string, Evidence> = {};

  constructor(deps: StepDeps) {
    this.#deps = deps;
    this.#injections = new Injections(deps);
    this.workloads = new RunningWorkloads(deps.instance, (step, detail) => this.#note(step, detail));
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

  /** @throws NotProvenError for a fault, DeadlineError for a wait that timed out. */
  run(step: Step, bounds: Bounds): Promise<void> {
    const work = this.#do(step, bounds);
    this.#underWay = work.catch(() => undefined);
    return work;
  }

  async #do(step: Step, bounds: Bounds): Promise<void> {
    const type = await loadStep(step.do);
    const params = accept(type.params, paramsOf(step), `the parameters of ${step.do}`);
    await type.run(this.#context(bounds), params);
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

  #context(bounds: Bounds): StepContext {
    const { lab, instance, access, journal, tunables, seed, contract } = this.#deps;
    return {
      ...{ lab, instance, access, tunables, seed, workloads: this.workloads },
      ...bounds,
      inject: (fault, params) => this.#injections.inject(fault, params, bounds),
      record: (name, seen) => {
        this.evidence[name] = { ...this.evidence[name], ...seen };
      },
      note: (step, detail) => this.#note(step, detail),
      progress: (what, value, target) => journal.write({ t: 'progress', what, value, target }),
      keepStop: (seen) => contract?.keepStop(seen),
      keepStall: (seen) => contract?.keepStall(seen),
      keepUnsaid: (seen) => contract?.keepUnsaid(seen),
      keepReport: (report) => journal.write({ t: 'verification', verdict: report.verdict, report }),
    };
  }

  #note(step: string, detail: Evidence): void {
    this.#deps.journal.write({ t: 'step', step, detail });
  }
}
