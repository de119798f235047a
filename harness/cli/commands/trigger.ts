import path from 'node:path';
import { openAccess } from '../../access/live-access.ts';
import { UsageError } from '../../errors.ts';
import type { Instance, Lab } from '../../lab/lab.ts';
import { serversRun } from '../../lab/runtime.ts';
import { holdLab } from '../../lab/state/lock.ts';
import { loadFault, loadStep, scenarioOfTrigger } from '../../plugins/catalogue.ts';
import { forEngines } from '../../plugins/for-engines.ts';
import { deadlinesOf, type Scenario, type Step, type Tunables } from '../../plugins/scenario.ts';
import { evidenceText } from '../../runner/evidence-text.ts';
import { describeExpected } from '../../runner/expectation.ts';
import { Narrator, wrongRowLines } from '../../runner/in-words.ts';
import { Journal, type JournalEvent } from '../../runner/journal.ts';
import { lastWrongRow } from '../../runner/past-runs.ts';
import { STEP_SHARE } from '../../runner/phases.ts';
import { newRunId } from '../../runner/run-all.ts';
import { type StepDeps, Steps } from '../../runner/steps.ts';
import { proseWidth, widthOf } from '../../terminal/stream.ts';
import { wrap } from '../../terminal/wrap.ts';
import { replayUndo } from '../../undo/replay-undo.ts';
import { UndoLog } from '../../undo/undo-log.ts';
import { withDeadline } from '../../wait.ts';
import { type CliContext, EXIT, printJson, say } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import { whyNotLive } from '../live-pipeline.ts';
import { mustBeTriggerable } from '../next-step.ts';
import type { TriggerFlags } from '../option-table.ts';

/** Injects a lesson's faults into the running pipeline and heals them; `status` gives the verdict. */
export async function trigger(
  context: CliContext,
  flags: TriggerFlags,
  [name = '']: readonly string[],
): Promise<number> {
  const asWritten = await scenarioOfTrigger(name);
  const unfit = await whyNotLive(asWritten);
  if (unfit !== undefined)
    throw new UsageError(
      `${asWritten.id} ${unfit}`,
      `run it on a pipeline made for it: cdc-lab run ${asWritten.id}`,
    );
  const { lab, instance: found } = await openInstance(context);
  lab.mayBreak?.();
  const scenario = forEngines(asWritten, found.engines);
  await using _held = await holdLab(lab.dir);
  // What a trigger that was killed has left broken would spoil this one, and may be all that is down.
  if (serversRun(await lab.runtime.services()))
    for (const line of await replayUndo(lab, context.signal)) say(context, `✔ ${line}`);
  await mustBeTriggerable(lab, found.name, scenario);
  const runId = newRunId(new Date());
  const file = path.join(lab.dir, 'runs', runId, 'journal.ndjson');
  const journal = new Journal([file], { runId, scenario: scenario.id }, teller(context));
  const tunables = tunablesOf(scenario, flags);
  say(
    context,
    `${wrap(`${scenario.title}: ${scenario.lesson}`, proseWidth(widthOf(context.stderr))).join('\n')}\n`,
  );
  const steps = await onPipeline(context, lab, found, scenario, async (instance) => {
    await using access = await openAccess(instance);
    const undo = new UndoLog(lab.dir);
    const { seed } = flags;
    const given = { lab, instance, access, journal, undo, loadFault, tunables, seed, noOp: false };
    const own = new Steps(given);
    await injectAndHeal(scenario, own, given, context.signal);
    return own;
  });
  journal.mustBeWhole();
  if (context.json)
    printJson(context, {
      schemaVersion: 1,
      scenario: scenario.id,
      proof: steps.evidence,
      healed: steps.healed,
    });
  else for (const line of closingLines(context, lab.dir, scenario, file)) say(context, line);
  return EXIT.ok;
}

/** What to look at now, and what a naive pipeline would have made of it. */
function closingLines(context: CliContext, labDir: string, scenario: Scenario, journal: string): string[] {
  const { sound } = scenario.variants;
  const seen = lastWrongRow(labDir, scenario.id);
  const width = proseWidth(widthOf(context.stderr));
  const row = seen?.wrongRow === undefined ? [] : wrongRowLines(seen.wrongRow, width - 2);
  return [
    '',
    'What to look at:',
    ...scenario.lookAt.map((command) => `  ${command}`),
    ...wrap(`This pipeline should end in ${sound.expect.verdict}: ${sound.because}.`, width),
    ...naiveLines(scenario, width),
    ...(row.length === 0 ? [] : ['In its last run:', ...row.map((line) => `  ${line}`)]),
    ...(row.length > 0 || scenario.variants.naive === undefined
      ? []
      : [`  see a wrong row beside the right one: cdc-lab run ${scenario.id} --variant naive`]),
    `Journal: ${journal}`,
  ];
}

function naiveLines({ variants: { naive } }: Scenario, width: number): string[] {
  if (naive === undefined) return [];
  const expected = describeExpected(naive.expect) ?? '';
  return wrap(`A naive one ends in ${naive.expect.verdict}, ${expected}: ${naive.because}.`, width);
}

/** Sets the scenario's bound of the lag alert if that is lower than the pipeline's, which it restores afterwards. */
async function onPipeline<T>(
  context: CliContext,
  lab: Lab,
  instance: Instance,
  { alertLag }: Scenario,
  work: (instance: Instance) => Promise<T>,
): Promise<T> {
  const before = instance.alertLag;
  const isLower = alertLag !== undefined && (before === undefined || before > alertLag);
  if (!isLower || lab.setAlertLag === undefined) return work(instance);
  const { name } = instance;
  try {
    const restarted = await lab.setAlertLag(name, alertLag);
    say(
      context,
      `  the lag alert fires from ${alertLag} events on, for this lesson; restarted ${restarted.join(', ')}`,
    );
    return await work((await lab.instance(name)) ?? instance);
  } finally {
    const restarted = await lab.setAlertLag(name, before ?? null);
    say(context, `  the lag alert has its usual bound again; restarted ${restarted.join(', ')}`);
  }
}

function tunablesOf(scenario: Scenario, { rows, seconds }: TriggerFlags): Tunables {
  const defaults = { ...scenario.defaults, ...scenario.byHand };
  return { rows: rows ?? defaults.rows, seconds: seconds ?? defaults.seconds };
}

async function injectAndHeal(
  scenario: Scenario,
  steps: Steps,
  { journal, tunables }: Pick<StepDeps, 'journal' | 'tunables'>,
  signal: AbortSignal,
): Promise<void> {
  const deadlinesMs = deadlinesOf(scenario, tunables);
  const runPhase = (phase: 'inject' | 'hold' | 'settle'): Promise<void> => {
    journal.write({ t: 'phase-started', phase });
    return withDeadline(`${phase} to end`, deadlinesMs[phase], signal, async (inner) => {
      const withinMs = Math.round(deadlinesMs[phase] * STEP_SHARE);
      for (const step of scenario.steps[phase]) {
        if (await isForLivePipeline(step, phase)) await steps.run(step, { signal: inner, withinMs });
      }
    });
  };
  let failure: unknown;
  try {
    await runPhase('inject');
    await runPhase('hold');
  } catch (error) {
    failure = error;
  }
  const bounds = { signal: new AbortController().signal, withinMs: deadlinesMs.heal };
  const healFailures = await steps.healAll(bounds);
  await steps.workloads.stopAll();
  failure ??= healFailures[0];
  if (failure !== undefined) throw failure;
  await runPhase('settle');
}

/** The lab's own workload goes on meanwhile, and the verdict is for `status`; only an alert is seen to clear. */
async function isForLivePipeline(step: Step, phase: 'inject' | 'hold' | 'settle'): Promise<boolean> {
  const { byHand } = await loadStep(step.do);
  return phase === 'settle' ? byHand === 'after-heal-too' : byHand !== 'left-out';
}

/** How often a wait that goes on says how far it is. */
const PROGRESS_EVERY_MS = 3_000;
const FAILED: ReadonlySet<JournalEvent['t']> = new Set(['fault-not-proven', 'heal-failed']);

/** Tells the journal's events as they come; of a wait that goes on, one every few seconds. */
function teller(context: CliContext): (event: JournalEvent) => void {
  const narrator = new Narrator();
  let lastProgressAt = Number.NEGATIVE_INFINITY;
  return (event) => {
    const said = narrator.describe(event);
    if (said !== undefined) return say(context, `${FAILED.has(event.t) ? '✖' : '✔'} ${said}`);
    if (event.t === 'step') say(context, `  ${event.step}: ${evidenceText(event.detail ?? {})}`);
    if (event.t !== 'progress') return;
    if (performance.now() - lastProgressAt < PROGRESS_EVERY_MS) return;
    lastProgressAt = performance.now();
    say(context, `  ${event.value} of ${event.target} ${event.what}`);
  };
}
