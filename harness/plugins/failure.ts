import type { Clause } from './clause.ts';
import {
  type Case,
  type Contract,
  type Expectation,
  LESSON_DEADLINES_MS,
  type Phases,
  type PipelineVariant,
  type RecoverAction,
  type ScenarioDefinition,
  type Step,
} from './scenario.ts';

/** What a failure's pipeline has beside the usual: `source.json`, `sink.json`, and the failure's own workload. */
export interface FailurePipeline extends Pick<PipelineVariant, 'defects' | 'engines' | 'recover'> {
  readonly source?: Partial<PipelineVariant['source']>;
  readonly sink?: Partial<PipelineVariant['sink']>;
  /** By default that of {@link Failure}. */
  readonly workload?: PipelineVariant['workload'];
  readonly expect: Expectation;
  readonly because: string;
}

interface FailureCase extends Partial<Phases>, Pick<Case, 'title' | 'lesson' | 'seedRows' | 'atSource'> {
  readonly clauses?: readonly Clause[];
  readonly sound?: Partial<FailurePipeline>;
  /** Where the scenario has no naive pipeline, a case that has one says all of it. */
  readonly naive?: Partial<FailurePipeline>;
}

/** A scenario of `scenarios/rows` or `scenarios/position`: what differs from the usual frame. */
export interface Failure
  extends Partial<Phases>,
    Pick<ScenarioDefinition, 'title' | 'lesson' | 'cites' | 'atSource' | 'alertLag'>,
    Partial<Pick<ScenarioDefinition, 'seedRows' | 'lateProofs' | 'lookAt'>> {
  /** What the contract demands beyond "the sink equals the source". */
  readonly clauses?: readonly Clause[];
  /** By default inserts, 20 transactions a second. */
  readonly workload?: PipelineVariant['workload'];
  readonly sound: FailurePipeline;
  readonly naive?: FailurePipeline;
  readonly cases?: Readonly<Record<string, FailureCase>>;
}

const INSERTS: PipelineVariant['workload'] = { kind: 'insert-only', rate: 20 };
const LOOK_AT = {
  sound: ['cdc-lab status'],
  loud: ['cdc-lab status', 'cdc-lab connectors', 'cdc-lab logs capture'],
};

/**
 * A scenario in the usual frame: an event may come twice, and source and sink agree again within a minute. The failure goes
 * on for ten transactions unless `hold` says otherwise.
 */
export function defineFailure(failure: Failure): ScenarioDefinition {
  const { clauses, workload = INSERTS, sound, naive, cases, inject, hold, settle, ...rest } = failure;
  const usual = {
    seedRows: 50,
    lateProofs: [],
    lookAt: LOOK_AT[sound.expect.verdict === 'PASS' ? 'sound' : 'loud'],
  };
  return {
    ...usual,
    ...rest,
    defaults: { rows: 0, seconds: 0 },
    contract: contractOf(clauses),
    steps: { inject: inject ?? [], hold: hold ?? [committed(10)], settle: settle ?? [] },
    variants: {
      sound: pipeline(sound, workload),
      ...(naive === undefined ? {} : { naive: pipeline(naive, workload) }),
    },
    ...(cases === undefined
      ? {}
      : { cases: mapped(cases, (own) => caseOf(own, workload, naive !== undefined)) }),
    deadlinesMs: LESSON_DEADLINES_MS,
  };
}

function contractOf(clauses: readonly Clause[] = []): Contract {
  return { duplicateDeliveries: 'legal', recoverWithinMs: 60_000, clauses };
}

function pipeline(own: FailurePipeline, workload: PipelineVariant['workload']): PipelineVariant {
  return {
    workload,
    ...own,
    source: { file: 'source', ...own.source },
    sink: { file: 'sink', ...own.sink },
  };
}

/** A variant that the scenario has keeps what the case does not change. */
function caseOf(own: FailureCase, workload: PipelineVariant['workload'], hasNaive: boolean): Case {
  const { clauses, inject, hold, settle, sound, naive, ...rest } = own;
  const steps = { ...(inject && { inject }), ...(hold && { hold }), ...(settle && { settle }) };
  const variants: Case['variants'] = {
    ...(sound && { sound: changed(sound) }),
    ...(naive && { naive: hasNaive ? changed(naive) : pipeline(naive as FailurePipeline, workload) }),
  };
  return {
    ...rest,
    steps,
    variants,
    ...(clauses === undefined ? {} : { contract: contractOf(clauses) }),
  };
}

function changed({ source, sink, ...rest }: Partial<FailurePipeline>): Partial<PipelineVariant> {
  return {
    ...rest,
    ...(source && { source: { file: 'source', ...source } }),
    ...(sink && { sink: { file: 'sink', ...sink } }),
  };
}

function mapped<A, B>(record: Readonly<Record<string, A>>, change: (one: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, one]) => [name, change(one)]));
}

/** Waits for so many further transactions of the workload. */
export const committed = (transactions: number): Step => ({ do: 'until-committed', transactions });

/** Injects a fault of `harness/faults/`. */
export const fault = (name: string, parameters: Readonly<Record<string, unknown>> = {}): Step => ({
  do: 'fault',
  fault: name,
  with: parameters,
});

/** Runs transactions on the source that are the failure. Each is a list of statements. */
export const atSource = (...transactions: readonly (readonly string[])[]): Step =>
  fault('run-statements', { on: 'source', transactions });

/** The textbook capture with one mistake, and keys of its configuration. */
export const textbook = (
  mistake: string,
  overrides: Readonly<Record<string, string>> = {},
): NonNullable<FailurePipeline['source']> => ({
  engine: 'textbook',
  overrides: { ...overrides, 'textbook.mistakes': mistake },
});

/** Recoveries: "deploy the fixed version", and send the rows of tables again. */
export const upgraded = (...tables: readonly string[]): RecoverAction[] => [
  { action: 'upgrade' },
  ...(tables.length === 0 ? [] : [{ action: 'snapshot', with: { tables } }]),
];

/**
 * Changes what differs in the sink, also what no event says: rows that must go. The tables are sent again, so that the
 * verifier sees events after the repair.
 */
export const repaired = (...tables: readonly string[]): RecoverAction[] => [
  { action: 'repair-rows' },
  { action: 'snapshot', with: { tables } },
];
