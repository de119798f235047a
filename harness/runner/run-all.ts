/**
 * `harness/runner`: runs scenarios, each variant on a pipeline made for it, and compares the verdicts with the expected ones.
 * In: a plan of scenarios and variants, a lab, the faults by name.
 * Out: a journal line for everything that happens, and one result for each variant.
 * Promises: what was injected is healed, also after an interrupt; an unproven fault or a failed step is
 * INCONCLUSIVE and never a PASS.
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Access } from '../access/access.ts';
import { type EnginePair, OWN_ENGINES } from '../lab/engines.ts';
import type { Instance, Lab } from '../lab/lab.ts';
import type { Fault } from '../plugins/fault.ts';
import type { Phase } from '../plugins/scenario.ts';
import { UndoLog } from '../undo/undo-log.ts';
import { notRunOn, sidesOf } from './foreign-pipelines.ts';
import { Journal, type JournalListener } from './journal.ts';
import { notRunHere } from './not-run.ts';
import { instanceSpecOf, plansOf, type RunOptions, type VariantPlan } from './plan.ts';
import type { NotRun, RunResult, VariantResult } from './result.ts';
import { mustHaveServers } from './server-watch.ts';
import { runVariant } from './variant.ts';

export interface RunContext {
  readonly lab: Lab;
  readonly openAccess: (instance: Instance) => Promise<Access>;
  readonly loadFault: (name: string) => Promise<Fault>;
  readonly listen: JournalListener;
  readonly signal: AbortSignal;
  readonly now?: () => Date;
}

/** Run ids sort by time; two runs that start in the same second still differ. */
export function newRunId(now: Date): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${stamp}-${randomBytes(2).toString('hex')}`;
}

/**
 * Runs the variants of a plan one after the other, each on an instance made for it. The next instance is set up while
 * the current variant is in its quiet phase. Journals and `result.json` are in `LAB/runs/RUNID/`.
 *
 * @throws when interrupted, and where a server has died, after what was injected is healed. By then the journal's
 * `run-ended` has told the results so far: the variant that was running is INCONCLUSIVE, those after it are not run.
 */
export async function runAll(options: RunOptions, context: RunContext): Promise<RunResult> {
  const now = context.now ?? (() => new Date());
  const startedAt = now();
  const runId = newRunId(startedAt);
  const dir = path.join(context.lab.dir, 'runs', runId);
  const journal = new Journal([path.join(dir, 'journal.ndjson')], { runId }, context.listen, now);
  const engines = context.lab.engines ?? options.engines ?? OWN_ENGINES;
  const leftOut = await leftOutOf(options, engines, context);
  const plans = plansOf(options, engines, leftOut);
  const planned = options.plan.map(({ scenario, variant }) => ({ scenario: scenario.id, variant }));
  journal.write({ t: 'run-started', seed: options.seed, planned, reproduce: options.reproduce });
  for (const one of leftOut) journal.write({ t: 'not-run', notRun: one });
  const start = performance.now();
  const results: VariantResult[] = [];
  const failure = await failureOf(() => runPlans(plans, results, dir, journal, context));
  const unreached =
    failure === null ? [] : plans.slice(results.length).map((plan) => notReached(plan, failure));
  const notRun = [...leftOut, ...unreached];
  const result: RunResult = {
    schemaVersion: 1,
    runId,
    seed: options.seed,
    ok: failure === null && results.every((one) => one.ok),
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - start),
    reproduce: options.reproduce,
    results,
    ...(notRun.length === 0 ? {} : { notRun }),
    ...(failure === null ? {} : { endedEarly: messageOf(failure.error) }),
  };
  journal.write({ t: 'run-ended', result });
  const unwritten = await failureOf(async () => writeResult(path.join(dir, 'result.json'), result));
  const early = failure ?? unwritten;
  if (early !== null) throw early.error;
  return result;
}

interface Failure {
  readonly error: unknown;
}

async function failureOf(work: () => Promise<void>): Promise<Failure | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return { error };
  }
}

/** A variant that the run did not come to. */
function notReached({ scenario, variant, choice, foreign }: VariantPlan, { error }: Failure): NotRun {
  const sides = foreign === undefined ? choice.engines : sidesOf(foreign);
  return { scenario: scenario.id, variant, ...sides, reason: `not reached: ${messageOf(error)}` };
}

/** The result of a run that failed before its first variant, as where the lab could not be started. */
export function resultOfNone(options: RunOptions, error: unknown, now: Date): RunResult {
  const { seed, reproduce, foreign, engines = OWN_ENGINES } = options;
  const sides = foreign === undefined ? engines : sidesOf(foreign);
  const reason = `not reached: ${messageOf(error)}`;
  return {
    ...{
      schemaVersion: 1,
      runId: newRunId(now),
      seed,
      ok: false,
      startedAt: now.toISOString(),
      durationMs: 0,
    },
    reproduce,
    results: [],
    notRun: options.plan.map(({ scenario, variant }) => ({
      scenario: scenario.id,
      variant,
      ...sides,
      reason,
    })),
    endedEarly: messageOf(error),
  };
}

/** Whole or not at all: other commands read it. */
function writeResult(file: string, result: RunResult): void {
  const fresh = `${file}.fresh`;
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(fresh, `${JSON.stringify(result, null, 2)}\n`);
    renameSync(fresh, file);
  } finally {
    rmSync(fresh, { force: true });
  }
}

/** The variants that engines, runtime or target do not allow, each with the reason. */
async function leftOutOf(
  options: RunOptions,
  engines: EnginePair,
  { lab, loadFault }: RunContext,
): Promise<NotRun[]> {
  const { foreign } = options;
  const sides = foreign === undefined ? engines : sidesOf(foreign);
  const leftOut: NotRun[] = [];
  for (const one of options.plan) {
    const { scenario, variant } = one;
    const reason =
      foreign === undefined
        ? await notRunHere({ ...one, swap: options.swap }, engines, lab, loadFault)
        : notRunOn(scenario, foreign.pipeline);
    if (reason !== null) leftOut.push({ scenario: scenario.id, variant, ...sides, reason });
  }
  return leftOut;
}

/** While this phase waits for the pipeline, the machine has time to set up the next one. */
const QUIET_PHASE: Phase = 'hold';

/** Appends to `results` as variants end. @throws for what ends the run early. */
async function runPlans(
  plans: readonly VariantPlan[],
  results: VariantResult[],
  dir: string,
  journal: Journal,
  context: RunContext,
): Promise<void> {
  const { lab, openAccess, loadFault, signal } = context;
  const undo = new UndoLog(lab.dir);
  const prepared = new Map<VariantPlan, Promise<Instance>>();
  const disposals: Promise<void>[] = [];
  const retire = (instance: Instance): void => {
    const disposal = instance[Symbol.asyncDispose]().catch((error: unknown) => {
      // Write it at once: after an interrupt nothing else reports it.
      journal.write({ t: 'drop-failed', instance: instance.name, error: messageOf(error) });
      throw error;
    });
    // The error is thrown at the end, with those of the others.
    disposal.catch(() => undefined);
    disposals.push(disposal);
  };
  const prepare = (plan: VariantPlan | undefined): void => {
    if (plan === undefined || prepared.has(plan) || signal.aborted) return;
    const instance = lab.createInstance(instanceSpecOf(plan));
    // An error is thrown when its variant runs.
    instance.catch(() => undefined);
    prepared.set(plan, instance);
  };
  try {
    for (const [index, plan] of plans.entries()) {
      signal.throwIfAborted();
      prepare(plan);
      // From here on, the variant retires it.
      const mine = prepared.get(plan);
      prepared.delete(plan);
      const own = path.join(dir, plan.folder);
      const within = { scenario: plan.scenario.id, variant: plan.variant };
      results.push(
        await runVariant(
          plan,
          {
            lab,
            openAccess,
            loadFault,
            undo,
            journal: journal.within(within, path.join(own, 'journal.ndjson')),
            signal,
            retire,
            onPhase: (phase) => {
              if (phase === QUIET_PHASE) prepare(plans[index + 1]);
            },
          },
          mine,
        ),
      );
      signal.throwIfAborted();
      journal.mustBeWhole();
      if (results.at(-1)?.verdict === 'INCONCLUSIVE') await mustHaveServers(lab);
    }
  } finally {
    // An interrupt came before these could run.
    for (const instance of prepared.values()) {
      const unused = await instance.catch(() => undefined);
      if (unused !== undefined) retire(unused);
    }
    await Promise.allSettled(disposals);
  }
  await Promise.all(disposals);
}
