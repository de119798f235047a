import type { FindingClass } from '../../verifier/report.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import type { PairName } from '../lab/engines.ts';
import type { AtSource, PrivateServer, WorkloadSpec } from '../lab/lab.ts';
import type { ClassAtHop, Clause, Where } from './clause.ts';
import type { Scope } from './scope.ts';

/** The life of a run, in order. `heal` always runs, and before the final verdict. */
export const PHASES = ['steady', 'inject', 'hold', 'heal', 'settle', 'verify'] as const;
export type Phase = (typeof PHASES)[number];

/** `sound` keeps the contract; `naive` breaks it for the reason that the lesson teaches. */
export const VARIANTS = ['sound', 'naive'] as const;
export type VariantName = (typeof VARIANTS)[number];

export const WORKLOAD_KINDS = ['mixed', 'insert-only', 'update-only', 'backfill', 'tiered'] as const;

/** The one verdict that a variant must get, and for a FAIL the reason. */
export type Expectation =
  | { readonly verdict: Exclude<Verdict, 'FAIL'> }
  | {
      readonly verdict: 'FAIL';
      readonly finding: ClassAtHop & {
        /** Column that the finding must name, if the lesson is about one. */
        readonly column?: string;
        /** SCHEMA.TABLE that the finding must be of, if the lesson is about one; others then count as `follows` says. */
        readonly table?: string;
      };
      /** Classes of findings that have the same cause: they do not make it a wrong reason. */
      readonly follows?: readonly FindingClass[];
      /** The FAIL must show in the phase `steady`, before anything is broken, and the variant ends there. */
      readonly shows?: 'steady';
      /** The loud stop that the contract requires, for `connector-failed`; a step `until-stopped` waits for it. */
      readonly stop?: LoudStop;
    };

/** How a connector must stop: with which error, and how soon after the step `until-stopped` began. */
export type LoudStop = { readonly withinMs: number } & (
  | {
      readonly code: `CDC-${number}`;
      /** A regular expression that the trace must match, too: what the error has to name. */
      readonly says?: string;
    }
  /** A regular expression that the trace must match, for an engine whose errors have no code. */
  | { readonly trace: string }
);

/**
 * What to expect of other engines: a verdict (by default the variant's own) with a sentence on what differs, or the
 * reason why the variant is not run on them.
 */
export type EngineExpectation =
  | { readonly expect?: Expectation; readonly because: string }
  | { readonly notRun: string };

/** A recovery action of `harness/recover/` and its parameters. */
export interface RecoverAction {
  readonly action: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

/** A pipeline to test: what differs between the sound and the naive one. */
export interface PipelineVariant {
  /** Files in `fixtures/connectors/`, without `.json`, and keys to change in them. */
  readonly source: {
    readonly file: string;
    readonly overrides?: Readonly<Record<string, string>>;
    /** Takes the place of the run's capture, to make a mistake that no configuration of it makes. */
    readonly engine?: 'textbook';
  };
  readonly sink: { readonly file: string; readonly overrides?: Readonly<Record<string, string>> };
  readonly defects?: { readonly capture?: readonly string[]; readonly sink?: readonly string[] };
  /** WAL that its slot may keep before the verifier alerts; left out: the verifier's own bound. */
  readonly walBudgetBytes?: number;
  /** The writes that go on from `steady` to `settle`. */
  readonly workload: Pick<WorkloadSpec, 'kind' | 'rate'>;
  readonly expect: Expectation;
  /** One sentence: what this pipeline does right, or wrong. */
  readonly because: string;
  /** What brings it back where it ends in the expected FAIL, in order; a second verification must then say PASS. */
  readonly recover?: readonly RecoverAction[];
  /** The same for other engines than the TypeScript pair; one that is not named here is not run. */
  readonly engines?: Partial<Readonly<Record<PairName, EngineExpectation>>>;
}

/** A pipeline that keeps the contract, and one that does not: where no naive one is known, that is left out. */
export interface Variants {
  readonly sound: PipelineVariant;
  readonly naive?: PipelineVariant;
}

/** Values that a step may leave to the command line; the numbers in a scenario are their defaults. */
export interface Tunables {
  /** `--rows`: historical rows of a backfill. */
  readonly rows: number;
  /** `--seconds`: the least time to hold a pause; 0: only until the condition holds. */
  readonly seconds: number;
}

/** One step of a phase, for some engines only if `where` says so: a type of `harness/steps/` and its parameters. */
export interface Step {
  readonly do: string;
  readonly where?: Where;
  readonly [parameter: string]: unknown;
}

/** The step that injects a fault, with its proof; the fault is healed in phase `heal` at the latest. */
export interface FaultStep extends Step {
  readonly do: 'fault';
  readonly fault: string;
  readonly with: Readonly<Record<string, unknown>>;
}

export const isFaultStep = (step: Step): step is FaultStep => step.do === 'fault';

/** A proof that exists only at the end of the run; without it the fault does not count as having taken effect. */
export type LateProof =
  /** Records in the topics that repeat a position already there, counted at the end. */
  { readonly kind: 'redelivered'; readonly atLeast: number; readonly where?: Where };

export interface Contract {
  /** Whether an event may be delivered twice, as long as it takes effect once. `illegal`: else *bound-exceeded* @capture. */
  readonly duplicateDeliveries: 'legal' | 'illegal';
  /** From the end of `heal` until source and sink agree. */
  readonly recoverWithinMs: number;
  readonly clauses: readonly Clause[];
}

export interface Phases {
  readonly inject: readonly Step[];
  readonly hold: readonly Step[];
  /** After the heal; then the main workload is stopped and the pipeline catches up. */
  readonly settle: readonly Step[];
}

/** One of several triggers of a scenario: what differs from the scenario's own. */
export interface Case
  extends Partial<
    Pick<ScenarioDefinition, 'title' | 'lesson' | 'seedRows' | 'atSource' | 'contract' | 'lateProofs'>
  > {
  readonly steps?: Partial<Phases>;
  readonly variants?: { readonly [V in VariantName]?: Partial<PipelineVariant> };
}

export interface ScenarioDefinition {
  readonly title: string;
  /** What to learn from it, in a few sentences; the first one says what breaks. */
  readonly lesson: string;
  /** Where the failure is described: a lesson of GUIDE.md, an issue, a post-mortem. */
  readonly cites: string;
  /** The short name on `cdc-lab trigger`, if it differs from the file's name. */
  readonly trigger?: string;
  /** Rows per fixture table before the pipeline starts. */
  readonly seedRows: number;
  /** What the source has beside the fixture tables, from before the pipeline starts; the pipeline captures it. */
  readonly atSource?: AtSource;
  /** Servers that it must not share, beside those that its faults, steps and clauses touch. */
  readonly private?: readonly PrivateServer[];
  /** How many events behind raise the lag alert while the scenario runs; by default the verifier's own bound. */
  readonly alertLag?: number;
  readonly defaults: Tunables;
  /** Other values for `cdc-lab trigger`, where a person watches. */
  readonly byHand?: Partial<Tunables>;
  readonly contract: Contract;
  /** With cases, `inject` may be empty here: each case then has its own. */
  readonly steps: Phases;
  readonly lateProofs: readonly LateProof[];
  readonly variants: Variants;
  /** The scenario's triggers by name, in order: each is run and reported as `ID/NAME`. */
  readonly cases?: Readonly<Record<string, Case>>;
  /** Milliseconds a phase may take; {@link deadlinesOf} adds the time that `--rows` and `--seconds` ask for. */
  readonly deadlinesMs: Readonly<Record<Phase, number>>;
  /** What to look at after `cdc-lab trigger`, as commands. */
  readonly lookAt: readonly string[];
}

/** What is run: a definition under its id, which is its file's name, for a case with the case's name: `truncate/alone`. */
export interface Scenario extends Omit<ScenarioDefinition, 'cases'> {
  readonly id: string;
  /** The folder below `scenarios/` in which the file lies. */
  readonly kind: string;
  /** What its faults, steps and clauses touch; the servers among it are in `private` too. Set when it is loaded. */
  readonly touches?: readonly Scope[];
}

/** The default export of each file in `scenarios/KIND/`: gives the literal its type, changes nothing. */
export function defineScenario(definition: ScenarioDefinition): ScenarioDefinition {
  return definition;
}

/** The variants that a scenario has. */
export function variantsOf({ variants }: Pick<ScenarioDefinition, 'variants'>): readonly VariantName[] {
  return VARIANTS.filter((name) => variants[name] !== undefined);
}

/** @throws Error for a variant that the scenario does not have. */
export function variantOf(
  { variants, title }: Pick<ScenarioDefinition, 'variants' | 'title'>,
  name: VariantName,
): PipelineVariant {
  const variant = variants[name];
  if (variant === undefined) throw new Error(`${title} has no ${name} variant`);
  return variant;
}

/** Deadlines of the five lessons: generous, because only a failure reaches them. */
export const LESSON_DEADLINES_MS: Readonly<Record<Phase, number>> = {
  steady: 90_000,
  inject: 60_000,
  hold: 90_000,
  heal: 60_000,
  settle: 90_000,
  verify: 90_000,
};

/** Each row adds 2 ms, so 500 rows/s suffice; the seconds of a pause are added to its deadline. */
export function deadlinesOf(scenario: ScenarioDefinition, tunables: Tunables): Record<Phase, number> {
  const extraMs = tunables.seconds * 1000 + tunables.rows * 2;
  const late: readonly Phase[] = ['hold', 'settle', 'verify'];
  return Object.fromEntries(
    PHASES.map((phase) => [phase, scenario.deadlinesMs[phase] + (late.includes(phase) ? extraMs : 0)]),
  ) as Record<Phase, number>;
}
