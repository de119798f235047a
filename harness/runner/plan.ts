import { randomBytes } from 'node:crypto';
import type { EnginePair } from '../lab/engines.ts';
import type { InstanceSpec, PipelineChoice } from '../lab/lab.ts';
import { forEngines } from '../plugins/for-engines.ts';
import {
  type PipelineVariant,
  type Scenario,
  type Tunables,
  type VariantName,
  variantOf,
} from '../plugins/scenario.ts';
import { type ForeignPipeline, forPipeline } from './foreign-pipelines.ts';
import type { NoOp } from './injections.ts';
import type { NotRun } from './result.ts';

/** A scenario and which of its two pipelines to run. */
export interface ScenarioVariant {
  readonly scenario: Scenario;
  readonly variant: VariantName;
}

/** What a run is asked to do. */
export interface RunOptions extends PipelineChoice {
  readonly plan: readonly ScenarioVariant[];
  /** Takes the place of the lab's pipeline, or of its sink half. */
  readonly foreign?: ForeignPipeline | undefined;
  /** Rounds of the whole plan; each has the next seed. */
  readonly repeat?: number;
  /** Values from the command line; the scenario's defaults apply to the rest. */
  readonly tunables: Partial<Tunables>;
  readonly seed: number;
  /** Keep the pipeline of a variant whose verdict is not PASS, or not the expected one. */
  readonly keep: boolean;
  /** Leave out injections: a test that proofs prove something. */
  readonly noOp: NoOp;
  /** Run the other variant's pipeline under each variant's expectation. */
  readonly swap: boolean;
  /** The command line that repeats the run. */
  readonly reproduce: string;
  /** Options that lead a command to the lab, as the journal has it; none if it is found without any. */
  readonly target?: readonly string[] | undefined;
}

/** One variant's share of a run. */
export interface VariantPlan
  extends ScenarioVariant,
    Pick<RunOptions, 'foreign' | 'seed' | 'keep' | 'noOp' | 'swap' | 'target'> {
  /** Its {@link ScenarioVariant.scenario} is adapted to these engines. */
  readonly choice: PipelineChoice & { readonly engines: EnginePair };
  readonly tunables: Tunables;
  /** Unique: databases, slot and topics carry it. */
  readonly instanceName: string;
  /** The folder of its journal, below that of the run. */
  readonly folder: string;
}

/** The variants of all rounds in order, without those that are left out. */
export function plansOf(
  options: RunOptions,
  engines: EnginePair,
  leftOut: readonly NotRun[],
): readonly VariantPlan[] {
  const { seed, keep, noOp, swap, foreign, target, connect, sinkWorkers } = options;
  const possible = options.plan.filter(
    ({ scenario, variant }) =>
      !leftOut.some((one) => one.scenario === scenario.id && one.variant === variant),
  );
  const rounds = Array.from({ length: options.repeat ?? 1 }, (_, round) => round);
  return rounds.flatMap((round) =>
    possible.map(({ scenario, variant }) => ({
      scenario:
        foreign === undefined ? forEngines(scenario, engines) : forPipeline(scenario, foreign.pipeline),
      variant,
      choice: {
        engines: carriersOf({ scenario, variant, swap }, engines),
        ...{ connect, sinkWorkers, alertLag: scenario.alertLag },
      },
      foreign,
      tunables: { ...scenario.defaults, ...options.tunables },
      seed: seed + round,
      instanceName: `${flat(scenario.id)}-${variant}-${randomBytes(2).toString('hex')}`,
      folder: `${flat(scenario.id)}-${variant}${rounds.length === 1 ? '' : `-${round + 1}`}`,
      keep,
      noOp,
      swap,
      target,
    })),
  );
}

/** A case's id, as a name may have it that is part of others. */
const flat = (id: string): string => id.replaceAll('/', '-');

/** The run's engines, unless the pipeline names a capture of its own. */
function carriersOf(
  plan: Pick<VariantPlan, 'scenario' | 'variant' | 'swap'>,
  engines: EnginePair,
): EnginePair {
  return { ...engines, source: pipelineOf(plan).source.engine ?? engines.source };
}

/** The pipeline that a plan runs: its variant's, or with `swap` the other one's. */
export function pipelineOf({
  scenario,
  variant,
  swap,
}: Pick<VariantPlan, 'scenario' | 'variant' | 'swap'>): PipelineVariant {
  const other: VariantName = variant === 'sound' ? 'naive' : 'sound';
  return variantOf(scenario, swap ? other : variant);
}

/** The instance that a plan needs. */
export function instanceSpecOf(plan: VariantPlan): InstanceSpec {
  const { source, sink, defects, walBudgetBytes } = pipelineOf(plan);
  const { engine: _, ...sourceFile } = source;
  return {
    ...plan.choice,
    name: plan.instanceName,
    source: sourceFile,
    sink,
    ...(plan.foreign === undefined ? {} : { pipeline: plan.foreign.file }),
    ...(defects === undefined ? {} : { defects }),
    ...(plan.scenario.atSource === undefined ? {} : { atSource: plan.scenario.atSource }),
    ...(plan.scenario.private === undefined ? {} : { private: plan.scenario.private }),
    ...(walBudgetBytes === undefined ? {} : { walBudgetBytes }),
    verifyEveryMs: null,
    seedRows: plan.scenario.seedRows,
    seed: plan.seed,
  };
}
