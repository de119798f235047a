/**
 * `harness/plugins`: what a fault and a scenario are, and how they are found: one file each, by its name.
 * In: the files in `scenarios/` and `harness/faults/`.
 * Out: scenarios and faults whose shape has been checked, adapted to the engines that carry the events.
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
import type { Fault } from './fault.ts';
import { assertMethods, loadPlugin, pluginIds } from './load-plugin.ts';
import { PHASES, type Scenario, type ScenarioDefinition, type Step, VARIANTS } from './scenario.ts';

const connectorSchema = z.strictObject({
  file: z.string().min(1),
  overrides: z.record(z.string(), z.string()).optional(),
});
const workloadKind = z.enum(['mixed', 'insert-only', 'update-only', 'backfill', 'tiered']);
const expectationSchema = z.union([
  z.strictObject({ verdict: verdictSchema.exclude(['FAIL']) }),
  z.strictObject({
    verdict: z.literal('FAIL'),
    finding: z.strictObject({ class: findingClassSchema, hop: hopSchema, column: z.string().optional() }),
    follows: z.array(findingClassSchema).optional(),
    shows: z.literal('steady').optional(),
  }),
]);
const engineExpectation = z.union([
  z.strictObject({ expect: expectationSchema.optional(), because: z.string().min(1) }),
  z.strictObject({ notRun: z.string().min(1) }),
]);
const pairs = SOURCE_ENGINES.flatMap((source) => SINK_ENGINES.map((sink) => pairName({ source, sink })));
const where = z
  .strictObject({ source: z.enum(SOURCE_ENGINES).optional(), sink: z.enum(SINK_ENGINES).optional() })
  .optional();
const variantSchema = z.strictObject({
  source: connectorSchema,
  sink: connectorSchema,
  defects: z
    .strictObject({ capture: z.array(z.string()).optional(), sink: z.array(z.string()).optional() })
    .optional(),
  workload: z.strictObject({ kind: workloadKind, rate: z.number().min(0) }),
  expect: expectationSchema,
  because: z.string().min(1),
  engines: z.partialRecord(z.enum(pairs), engineExpectation).optional(),
});
const count = z.number().int().positive();
const stepSchema = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('fault'),
    fault: z.string(),
    with: z.record(z.string(), z.unknown()),
    where,
  }),
  z.strictObject({
    do: z.literal('start-workload'),
    as: z.string(),
    kind: workloadKind,
    rate: z.number().min(0),
    transactions: count.nullable(),
    rows: z.literal('tunable').optional(),
    where,
  }),
  z.strictObject({ do: z.literal('finish-workload'), as: z.string(), where }),
  z.strictObject({ do: z.literal('stop-workload'), as: z.string(), where }),
  z.strictObject({ do: z.literal('until-committed'), transactions: count, where }),
  z.strictObject({ do: z.literal('until-behind'), events: count, where }),
  z.strictObject({ do: z.literal('until-caught-up'), where }),
  z.strictObject({ do: z.literal('until-lag-alert'), is: z.enum(['firing', 'cleared']), where }),
  z.strictObject({ do: z.literal('expect-verdict'), verdict: verdictSchema, where }),
]);
const clauseSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('same-rows'), why: z.string().min(1), where }),
  z.strictObject({
    kind: z.literal('sink-count'),
    sql: z.string().min(1),
    atLeast: z.union([count, z.literal('rows')]),
    why: z.string().min(1),
    where,
  }),
]);

const tunablesSchema = z.strictObject({ rows: z.number().int().min(0), seconds: z.number().min(0) });

/** What a file in `scenarios/` must export: {@link ScenarioDefinition}, and nothing that the runner would ignore. */
export const scenarioSchema = z.strictObject({
  title: z.string().min(1),
  lesson: z.string().min(40),
  cites: z.string().min(1),
  trigger: z.string().optional(),
  seedRows: z.number().int().min(0),
  alertLag: count.optional(),
  defaults: tunablesSchema,
  byHand: tunablesSchema.partial().optional(),
  contract: z.strictObject({
    duplicateDeliveries: z.enum(['legal', 'illegal']),
    recoverWithinMs: count,
    clauses: z.array(clauseSchema),
  }),
  steps: z.strictObject({
    inject: z.array(stepSchema).min(1),
    hold: z.array(stepSchema),
    settle: z.array(stepSchema),
  }),
  lateProofs: z.array(z.strictObject({ kind: z.literal('redelivered'), atLeast: count, where })),
  variants: z.record(z.enum(VARIANTS), variantSchema),
  deadlinesMs: z.record(z.enum(PHASES), count),
  lookAt: z.array(z.string()),
});

const SCENARIOS = 'scenarios';
const FAULTS = 'harness/faults';

export const scenarioIds = (): Promise<string[]> => pluginIds(SCENARIOS);
export const faultNames = (): Promise<string[]> => pluginIds(FAULTS);

function assertShape(schema: z.ZodType, value: unknown, where: string): void {
  const parsed = schema.safeParse(value);
  if (parsed.success) return;
  const mistake = mistakeIn(parsed.error, { schema, value, whole: 'its default export' });
  throw new LabError('CDC-5012', `${where} is not valid: ${mistake}`, {
    remedy: 'compare it with its neighbours; CONTRIBUTING.md says what each part is for',
  });
}

/**
 * The scenario of that id.
 *
 * @throws UsageError for an unknown id; LabError for a file that breaks its contract, faults' parameters included.
 */
export async function loadScenario(id: string): Promise<Scenario> {
  const definition = await loadPlugin(SCENARIOS, 'scenario', id);
  assertShape(scenarioSchema, definition, `scenarios/${id}.ts`);
  const scenario: Scenario = { ...(definition as ScenarioDefinition), id };
  const { inject, hold, settle } = scenario.steps;
  for (const step of [...inject, ...hold, ...settle]) await assertFaultParams(id, step);
  return scenario;
}

async function assertFaultParams(id: string, step: Step): Promise<void> {
  if (step.do !== 'fault') return;
  const fault = await loadFault(step.fault);
  assertShape(fault.params, step.with, `scenarios/${id}.ts, parameters of fault ${step.fault}`);
}

/** All scenarios, in the order of their names. */
export async function loadScenarios(): Promise<Scenario[]> {
  return Promise.all((await scenarioIds()).map(loadScenario));
}

/** The scenario behind `cdc-lab trigger NAME`: by its short name or its id. */
export async function scenarioOfTrigger(name: string): Promise<Scenario> {
  const all = await loadScenarios();
  const names = all.flatMap((scenario) => [scenario.trigger ?? scenario.id, scenario.id]);
  const found = all.find((scenario) => scenario.trigger === name || scenario.id === name);
  if (found !== undefined) return found;
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
