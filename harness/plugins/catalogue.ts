/**
 * `harness/plugins`: what a fault, a step and a scenario are, and how they are found: one file each, by its name.
 * In: the files in `scenarios/KIND/`, `harness/steps/` and `harness/faults/`.
 * Out: scenarios, steps and faults whose shape has been checked, adapted to the engines that carry the events.
 * Promises: a key that the runner would ignore, a parameter that a fault does not take, and an unknown name are refused
 * before anything is injected.
 */

import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import { mistakeIn } from '../../pipeline/contract/mistake.ts';
import { didYouMean } from '../../pipeline/contract/nearest.ts';
import { findingClassSchema, hopSchema, verdictSchema } from '../../verifier/report.ts';
import { UsageError } from '../errors.ts';
import { pairName, SINK_ENGINES, SOURCE_ENGINES } from '../lab/engines.ts';
import { PRIVATE_SERVERS } from '../lab/lab.ts';
import { casesOf } from './cases.ts';
import { clauseSchema, whereSchema as where } from './clause.ts';
import { ignoredIn, impossibleIn } from './contradictions.ts';
import type { Fault } from './fault.ts';
import { assertMethods, loadPlugin, pluginFolders, pluginIds } from './load-plugin.ts';
import { loadRecovery } from './recovery.ts';
import {
  PHASES,
  type RecoverAction,
  type Scenario,
  type ScenarioDefinition,
  type Step,
  VARIANTS,
  WORKLOAD_KINDS,
} from './scenario.ts';
import { privateServersIn, scopesOf } from './scopes-of.ts';
import type { StepType } from './step.ts';

const connectorSchema = z.strictObject({
  file: z.string().min(1),
  overrides: z.record(z.string(), z.string()).optional(),
});
const workloadKind = z.enum(WORKLOAD_KINDS);
const withinMs = z.number().int().positive();
const pattern = z.string().min(1).refine(isRegExp, 'is not a regular expression');
const tableName = z.string().regex(/^[^.]+\..+$/, 'is not SCHEMA.TABLE');
const loudStop = z.union([
  z.strictObject({ code: z.templateLiteral(['CDC-', z.number()]), says: pattern.optional(), withinMs }),
  z.strictObject({ trace: pattern, withinMs }),
]);
const expectationSchema = z.union([
  z.strictObject({ verdict: verdictSchema.exclude(['FAIL']) }),
  z.strictObject({
    verdict: z.literal('FAIL'),
    finding: z.strictObject({
      class: findingClassSchema,
      hop: hopSchema,
      column: z.string().optional(),
      table: tableName.optional(),
    }),
    follows: z.array(findingClassSchema).optional(),
    shows: z.literal('steady').optional(),
    stop: loudStop.optional(),
  }),
]);
const engineExpectation = z.union([
  z.strictObject({ expect: expectationSchema.optional(), because: z.string().min(1) }),
  z.strictObject({ notRun: z.string().min(1) }),
]);
const pairs = SOURCE_ENGINES.flatMap((source) => SINK_ENGINES.map((sink) => pairName({ source, sink })));
const variantSchema = z.strictObject({
  source: connectorSchema.extend({ engine: z.literal('textbook').optional() }),
  sink: connectorSchema,
  defects: z
    .strictObject({ capture: z.array(z.string()).optional(), sink: z.array(z.string()).optional() })
    .optional(),
  walBudgetBytes: z.number().int().positive().optional(),
  workload: z.strictObject({ kind: workloadKind, rate: z.number().min(0) }),
  expect: expectationSchema,
  because: z.string().min(1),
  recover: z
    .array(z.strictObject({ action: z.string(), with: z.record(z.string(), z.unknown()).optional() }))
    .optional(),
  engines: z.partialRecord(z.enum(pairs), engineExpectation).optional(),
});
const count = z.number().int().positive();
/** Its parameters are checked by its type: see {@link assertStep}. */
const stepSchema = z.looseObject({ do: z.string(), where });
function isRegExp(text: string): boolean {
  try {
    return new RegExp(text) !== undefined;
  } catch {
    return false;
  }
}

const tunablesSchema = z.strictObject({ rows: z.number().int().min(0), seconds: z.number().min(0) });

const contractSchema = z.strictObject({
  duplicateDeliveries: z.enum(['legal', 'illegal']),
  recoverWithinMs: count,
  clauses: z.array(clauseSchema),
});
const lateProofsSchema = z.array(z.strictObject({ kind: z.literal('redelivered'), atLeast: count, where }));
const stepsSchema = z.strictObject({
  inject: z.array(stepSchema),
  hold: z.array(stepSchema),
  settle: z.array(stepSchema),
});
const seedRowsSchema = z.number().int().min(0);
const atSourceSchema = z.strictObject({
  sql: z.array(z.string().min(1)).min(1),
  tables: z.array(tableName),
});
const caseSchema = z.strictObject({
  title: z.string().min(1).optional(),
  lesson: z.string().min(40).optional(),
  seedRows: seedRowsSchema.optional(),
  atSource: atSourceSchema.optional(),
  contract: contractSchema.optional(),
  lateProofs: lateProofsSchema.optional(),
  steps: stepsSchema.partial().optional(),
  variants: z.partialRecord(z.enum(VARIANTS), variantSchema.partial()).optional(),
});

/** What a file in `scenarios/KIND/` must export: {@link ScenarioDefinition}, and nothing that the runner would ignore. */
export const scenarioSchema = z.strictObject({
  title: z.string().min(1),
  lesson: z.string().min(40),
  cites: z.string().min(1),
  trigger: z.string().optional(),
  seedRows: seedRowsSchema,
  atSource: atSourceSchema.optional(),
  private: z.array(z.enum(PRIVATE_SERVERS)).min(1).optional(),
  alertLag: count.optional(),
  defaults: tunablesSchema,
  byHand: tunablesSchema.partial().optional(),
  contract: contractSchema,
  steps: stepsSchema,
  lateProofs: lateProofsSchema,
  variants: z.strictObject({ sound: variantSchema, naive: variantSchema.optional() }),
  cases: z.record(z.string().regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/), caseSchema).optional(),
  deadlinesMs: z.record(z.enum(PHASES), count),
  lookAt: z.array(z.string()),
});

/** What a case, put together with its scenario, must be. */
const wholeCase = z.looseObject({
  steps: z.looseObject({ inject: z.array(stepSchema).min(1) }),
  variants: z.strictObject({ sound: variantSchema, naive: variantSchema.optional() }),
});

const SCENARIOS = 'scenarios';
const FAULTS = 'harness/faults';
const STEPS = 'harness/steps';

/** The folders of scenarios, by name. */
export const scenarioKinds = (): Promise<string[]> => pluginFolders(SCENARIOS);
export const scenarioIds = async (): Promise<string[]> => [...(await kindsById()).keys()].sort();
export const faultNames = (): Promise<string[]> => pluginIds(FAULTS);
export const stepNames = (): Promise<string[]> => pluginIds(STEPS);

/** The folder of each scenario. @throws LabError if two folders have a scenario of the same name. */
async function kindsById(): Promise<Map<string, string>> {
  const byId = new Map<string, string>();
  for (const kind of await scenarioKinds()) {
    for (const id of await pluginIds(`${SCENARIOS}/${kind}`)) {
      const other = byId.get(id);
      if (other !== undefined) {
        throw new LabError('CDC-5013', `two scenarios are named ${id}: in ${other}/ and in ${kind}/`, {
          remedy: `rename one of them; a scenario's id is its file's name, whichever folder it lies in`,
        });
      }
      byId.set(id, kind);
    }
  }
  return byId;
}

export function assertShape(schema: z.ZodType, value: unknown, where: string): void {
  const parsed = schema.safeParse(value);
  if (parsed.success) return;
  refuseIf(mistakeIn(parsed.error, { schema, value, whole: 'its default export' }), where);
}

/**
 * The scenario of that id, or the case `ID/NAME`.
 *
 * @throws UsageError for an unknown id, or one whose cases are to be named; LabError for a file that breaks its
 * contract, parameters of steps and faults included.
 */
export async function loadScenario(id: string): Promise<Scenario> {
  const [only, ...more] = await loadCases(id);
  if (only !== undefined && more.length === 0) return only;
  const known = [only, ...more].map((one) => one?.id).join(', ');
  throw new UsageError(`the scenario ${id} has several cases`, `name one of them: ${known}`);
}

/** What a name stands for: a scenario, all cases of a scenario, or one case `ID/NAME`. @throws as {@link loadScenario}. */
export async function loadCases(name: string): Promise<Scenario[]> {
  const [id = '', ...rest] = name.split('/');
  const wanted = rest.length === 0 ? undefined : rest.join('/');
  const all = await casesIn(id);
  if (wanted === undefined) return all;
  const found = all.filter((one) => one.id === name);
  if (found.length > 0) return found;
  const known = all.map((one) => one.id).filter((one) => one !== id);
  if (known.length === 0) throw new UsageError(`the scenario ${id} has no cases`, `run it as ${id}`);
  throw new UsageError(
    `the scenario ${id} has no case "${wanted}".${didYouMean(name, known)}`,
    `known: ${known.join(', ')}`,
  );
}

/** The cases of the scenario of that id, or itself. */
async function casesIn(id: string): Promise<Scenario[]> {
  const byId = await kindsById();
  const kind = byId.get(id);
  if (kind === undefined) throw unknown('scenario', id, [...byId.keys()].sort());
  const file = `${SCENARIOS}/${kind}/${id}.ts`;
  return acceptScenario({ id, kind, file }, await loadPlugin(`${SCENARIOS}/${kind}`, 'scenario', id));
}

/** The cases of what a file exports, or itself. @throws LabError CDC-5012 for what the runner would ignore. */
export async function acceptScenario(
  { id, kind, file }: { readonly id: string; readonly kind: string; readonly file: string },
  definition: unknown,
): Promise<Scenario[]> {
  assertShape(scenarioSchema, definition, file);
  refuseIf(ignoredIn(definition as ScenarioDefinition), file);
  const scenarios = casesOf(id, kind, definition as ScenarioDefinition);
  const complete: Scenario[] = [];
  for (const scenario of scenarios) {
    const where = scenario.id === id ? file : `${file}, case ${scenario.id}`;
    assertShape(wholeCase, scenario, where);
    refuseIf(impossibleIn(scenario), where);
    const { inject, hold, settle } = scenario.steps;
    for (const step of [...inject, ...hold, ...settle]) await assertStep(step, file);
    for (const variant of Object.values(scenario.variants))
      await assertRecovery(variant?.recover ?? [], file);
    complete.push(await withScopes(scenario));
  }
  return complete;
}

/** Adds what follows from its parts: what it touches, and so which servers it must not share. */
async function withScopes(scenario: Scenario): Promise<Scenario> {
  const touches = await scopesOf(scenario, { loadFault, loadStep });
  const servers = privateServersIn(touches);
  return { ...scenario, touches, ...(servers.length === 0 ? {} : { private: servers }) };
}

function refuseIf(mistake: string | null, where: string): void {
  if (mistake === null) return;
  throw new LabError('CDC-5012', `${where} is not valid: ${mistake}`, {
    remedy: 'compare it with its neighbours; CONTRIBUTING.md says what each part is for',
  });
}

function unknown(what: string, name: string, known: readonly string[]): UsageError {
  return new UsageError(
    `there is no ${what} "${name}".${didYouMean(name, known)}`,
    `known: ${known.join(', ')}`,
  );
}

async function assertStep(step: Step, file: string): Promise<void> {
  const known = await stepNames();
  if (!known.includes(step.do)) {
    const nearest = didYouMean(step.do, known);
    throw new LabError('CDC-5012', `${file} is not valid: there is no step "${step.do}".${nearest}`, {
      remedy: `known: ${known.join(', ')}`,
    });
  }
  const type = await loadStep(step.do);
  const given = paramsOf(step);
  assertShape(type.params, given, `${file}, parameters of step ${step.do}`);
  await type.check?.(given, file);
}

async function assertRecovery(actions: readonly RecoverAction[], file: string): Promise<void> {
  for (const { action, with: given = {} } of actions) {
    const { params } = await loadRecovery(action);
    assertShape(params, given, `${file}, parameters of the recovery action ${action}`);
  }
}

/** What a step says beside its type and its engines. */
export function paramsOf({ do: _, where: __, ...params }: Step): Record<string, unknown> {
  return params;
}

/** The kind of the five lessons, which a workshop takes in this order. */
export const LESSONS = 'lessons';
const WORKSHOP_ORDER = ['restart', 'lag', 'schema-change', 'duplicate-resnapshot', 'backfill'];

/**
 * All scenarios and cases, or those of one kind: the lessons first, in the order of a workshop, the others by name.
 *
 * @throws UsageError for an unknown kind.
 */
export async function loadScenarios(kind?: string): Promise<Scenario[]> {
  const kinds = await scenarioKinds();
  if (kind !== undefined && !kinds.includes(kind)) throw unknown('kind of scenarios', kind, kinds);
  const chosen = kind === undefined ? [LESSONS, ...kinds.filter((one) => one !== LESSONS)] : [kind];
  const ids: string[] = [];
  for (const one of chosen) ids.push(...inOrder(await pluginIds(`${SCENARIOS}/${one}`)));
  return (await Promise.all(ids.map(casesIn))).flat();
}

function inOrder(ids: readonly string[]): string[] {
  const rank = (id: string): number => (WORKSHOP_ORDER.includes(id) ? WORKSHOP_ORDER.indexOf(id) : 99);
  return ids.toSorted((a, b) => rank(a) - rank(b));
}

/** The scenario behind `cdc-lab trigger NAME`: by its short name, its id, or its id and a case. */
export async function scenarioOfTrigger(name: string): Promise<Scenario> {
  const all = await loadScenarios();
  const found = all.find((scenario) => scenario.trigger === name || scenario.id === name);
  if (found !== undefined) return found;
  if ((await scenarioIds()).includes(name)) return loadScenario(name);
  const names = all.flatMap((scenario) => [scenario.trigger ?? scenario.id, scenario.id]);
  const short = all.map((scenario) => scenario.trigger ?? scenario.id);
  throw new UsageError(
    `there is no trigger "${name}".${didYouMean(name, names)}`,
    `known: ${short.join(', ')}`,
  );
}

/** The fault of that name, its shape checked. */
export async function loadFault(name: string): Promise<Fault> {
  const fault = await loadPlugin(FAULTS, 'fault', name);
  assertMethods(fault, ['observe', 'inject', 'prove', 'heal'], `${FAULTS}/${name}.ts`);
  return fault as Fault;
}

/** The type of step of that name, its shape checked. */
export async function loadStep(name: string): Promise<StepType> {
  const step = await loadPlugin(STEPS, 'step', name);
  assertMethods(step, ['run'], `${STEPS}/${name}.ts`);
  return step as StepType;
}
