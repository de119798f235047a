import type { z } from 'zod';
import type { Report } from '../../verifier/report.ts';
import type { WorkloadSpec } from '../lab/lab.ts';
import type { StallSeen, StopSeen, UnsaidSeen } from './ends.ts';
import type { Evidence, FaultContext } from './fault.ts';
import type { Tunables } from './scenario.ts';
import type { Touches } from './scope.ts';

/** The name of the variant's own workload. */
export const MAIN_WORKLOAD = 'main';

/** Workloads that run beside each other on one pipeline, by name. */
export interface Workloads {
  /** @throws LabError if one of that name is running. */
  start(name: string, spec: WorkloadSpec): Promise<void>;
  /** @throws LabError if there is no such workload; of {@link MAIN_WORKLOAD}, it does nothing then. */
  stop(name: string): Promise<void>;
  /** Waits until a workload that ends by itself has ended. @throws as {@link stop}; DeadlineError */
  finish(name: string, bounds: { readonly signal: AbortSignal; readonly withinMs: number }): Promise<void>;
}

/** What a step acts on, and how it tells what it did and saw. */
export interface StepContext extends FaultContext {
  readonly tunables: Tunables;
  readonly seed: number;
  readonly workloads: Workloads;
  /** Injects a fault; it is healed in phase `heal` at the latest. @returns Its proof. @throws NotProvenError */
  inject(fault: string, params: Readonly<Record<string, unknown>>): Promise<Evidence>;
  /** Adds to the `proof` of the result, under the name of a fault or a condition. */
  record(name: string, seen: Evidence): void;
  /** Writes a line into the journal. */
  note(step: string, detail: Evidence): void;
  /** Tells how far a wait is. @param target Null: it is unknown. */
  progress(what: string, value: number, target: number | null): void;
  /** Keeps what was seen of a required stop: one that did not come is a finding of the run. */
  keepStop(seen: StopSeen): void;
  /** Keeps what was seen of a connector that may stand still: one that does is a finding of the run. */
  keepStall(seen: StallSeen): void;
  /** Keeps that a connector does not say what it waits for, which is a finding of the run. */
  keepUnsaid(seen: UnsaidSeen): void;
  /** Writes a report of the verifier into the journal. */
  keepReport(report: Report): void;
}

/** A type of step: one file in `harness/steps/`, named as scenarios name it in `do`. */
export interface StepType<P extends object = Record<string, unknown>> {
  /** One sentence. */
  readonly description: string;
  /** What a scenario writes beside `do` and `where`. */
  readonly params: z.ZodType<P>;
  /** Valid parameters, for documentation and for the plug-in test. */
  readonly example: NoInfer<P>;
  /** What it changes or holds up; a step that only waits touches its instance. */
  readonly touches: Touches<P>;
  /** It cannot end unless somebody writes to the source meanwhile. */
  readonly waitsForWrites?: true;
  /**
   * What `cdc-lab trigger` does with it, where the pipeline is watched by a person and goes on: leaves it out, or runs
   * it after the heal too. By default it runs before the heal only.
   */
  readonly byHand?: 'left-out' | 'after-heal-too';
  /** @throws NotProvenError for a fault, DeadlineError for a wait that timed out. */
  run(context: StepContext, params: P): Promise<void>;
  /** Checks parameters that the schema leaves open, when a scenario is loaded. @throws LabError */
  check?(params: P, where: string): Promise<void>;
}

/** The default export of each file in `harness/steps/`: ties the parameters' type to the schema's. */
export function defineStep<P extends object>(step: StepType<P>): StepType<P> {
  return step;
}
