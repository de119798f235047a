import type { Pipeline } from '../../fixtures/pipelines/lib/pipeline.ts';
import { tablesOf } from '../../fixtures/pipelines/load.ts';
import { readsTopics } from '../lab/process/placed-pipeline.ts';
import { forEngines } from '../plugins/for-engines.ts';
import { isFaultStep, type PipelineVariant, type Scenario, type Step } from '../plugins/scenario.ts';

/** A pipeline that other people wrote, tested in place of the lab's. */
export interface ForeignPipeline {
  /** As it was named on the command line. */
  readonly name: string;
  readonly file: string;
  readonly pipeline: Pipeline;
}

/** Transactions to commit while a pipeline is down whose lag in events cannot be read. */
const BEHIND_TRANSACTIONS = 500;

/**
 * The scenario for a pipeline that is neither sound nor naive, with the steps and the workload of the sound variant. A
 * pause or a crash point, which only the lab's own workers have, becomes a stop or a kill of the pipeline. The verifier
 * cannot see that such a pipeline is stopped, so it is not asked meanwhile.
 */
export function forPipeline(scenario: Scenario, pipeline: Pipeline): Scenario {
  // The JDBC sink's variant has no crash points, and no clauses about columns that only the lab's own sink adds.
  const plain = forEngines(scenario, { source: 'ts', sink: 'jdbc' });
  const adapt = (steps: readonly Step[]): Step[] =>
    steps.flatMap((step) => stepFor(step, readsTopics(pipeline)) ?? []);
  const { inject, hold, settle } = plain.steps;
  const sound = variantFor(scenario, pipeline);
  return {
    ...plain,
    steps: { inject: adapt(inject), hold: adapt(hold), settle: adapt(settle) },
    lateProofs: readsTopics(pipeline) ? plain.lateProofs : [],
    contract: {
      ...plain.contract,
      clauses: pipeline.sinkTable === undefined ? plain.contract.clauses : [],
    },
    variants: { ...plain.variants, sound },
  };
}

/** Null: the step is left out for this pipeline. */
function stepFor(step: Step, hasTopics: boolean): Step | null {
  if (step.do === 'expect-verdict' || step.do === 'until-lag-alert') return null;
  if (step.do === 'until-behind' && !hasTopics) {
    return { do: 'until-committed', transactions: BEHIND_TRANSACTIONS };
  }
  if (!isFaultStep(step)) return step;
  if (step.fault === 'pause-connector') return { do: 'fault', fault: 'end-pipeline', with: { how: 'stop' } };
  if (step.fault === 'kill-at-crash-point' && !hasTopics) {
    return { do: 'fault', fault: 'end-pipeline', with: { how: 'kill' } };
  }
  return step;
}

function variantFor(scenario: Scenario, { lessons }: Pipeline): PipelineVariant {
  const { sound } = scenario.variants;
  const lesson = lessons[scenario.id];
  if (lesson === undefined || 'notRun' in lesson) return sound;
  const { because, ...expect } = lesson;
  return { ...sound, expect, because };
}

/** Faults that only the lab's own capture can suffer. */
const CAPTURE_FAULTS = new Set(['resnapshot', 'hold-snapshot-chunk', 'incremental-snapshot']);

/** Why a lesson is not run on a pipeline; null if it is run. */
export function notRunOn(scenario: Scenario, pipeline: Pipeline): string | null {
  const lesson = pipeline.lessons[scenario.id];
  if (lesson === undefined) return 'the pipeline declares no verdict for it';
  if ('notRun' in lesson) return lesson.notRun;
  const faults = scenario.steps.inject.filter(isFaultStep).map(({ fault }) => fault);
  const missing = tablesIn(scenario).find((table) => !tablesOf(pipeline).includes(table));
  if (missing !== undefined) return `its fault needs ${missing}, which the pipeline does not carry`;
  const needed = faults.find((fault) => CAPTURE_FAULTS.has(fault));
  if (needed === undefined || readsTopics(pipeline)) return null;
  return `its fault, ${needed}, breaks the lab's capture, which this pipeline does not use`;
}

/** Tables that the scenario's faults name, such as `public.customers`. */
function tablesIn({ steps }: Scenario): string[] {
  const named = steps.inject
    .filter(isFaultStep)
    .flatMap((step) => [step.with.table ?? [], step.with.tables ?? []].flat());
  return named.map((name) => (String(name).includes('.') ? String(name) : `public.${name}`));
}

/** `source` and `sink` of a result, which name what carries the events. */
export function sidesOf({ name, pipeline }: ForeignPipeline): { source: string; sink: string } {
  return { source: readsTopics(pipeline) ? 'ts' : name, sink: name };
}
