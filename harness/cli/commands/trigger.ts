import path from 'node:path';
import { openAccess } from '../../access/live-access.ts';
import { holdLab } from '../../lab/state/lock.ts';
import { loadFault, scenarioOfTrigger } from '../../plugins/catalogue.ts';
import { forEngines } from '../../plugins/for-engines.ts';
import { deadlinesOf, type Scenario, type Step, type Tunables } from '../../plugins/scenario.ts';
import { evidenceText } from '../../runner/evidence-text.ts';
import { Journal, type JournalEvent } from '../../runner/journal.ts';
import { newRunId } from '../../runner/run-all.ts';
import { Steps } from '../../runner/steps.ts';
import { UndoLog } from '../../undo/undo-log.ts';
import { withDeadline } from '../../wait.ts';
import { type CliContext, EXIT, printJson, say } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { TriggerFlags } from '../options.ts';

/** Does a lesson's injection on the running pipeline, and heals it; the verdict is for `status` to say. */
export async function trigger(
  context: CliContext,
  flags: TriggerFlags,
  [name = '']: readonly string[],
): Promise<number> {
  const asWritten = await scenarioOfTrigger(name);
  const { lab, instance } = await openInstance(context);
  lab.mayBreak?.();
  const scenario = forEngines(asWritten, instance.engines);
  await using _held = await holdLab(lab.dir);
  const runId = newRunId(new Date());
  const file = path.join(lab.dir, 'runs', runId, 'journal.ndjson');
  const journal = new Journal([file], { runId, scenario: scenario.id }, teller(context));
  const tunables = tunablesOf(scenario, flags);
  await using access = await openAccess(instance);
  const undo = new UndoLog(lab.dir);
  const steps = new Steps({
    lab,
    instance,
    access,
    journal,
    undo,
    loadFault,
    tunables,
    seed: flags.seed,
    noOp: false,
  });
  say(context, `${scenario.title}: ${scenario.lesson}\n`);
  await injectAndHeal(scenario, steps, tunables, context.signal);
  if (context.json)
    printJson(context, {
      schemaVersion: 1,
      scenario: scenario.id,
      proof: steps.evidence,
      healed: steps.healed,
    });
  else say(context, `\nLook at it: ${scenario.lookAt.join('\n            ')}\nJournal: ${file}`);
  return EXIT.ok;
}

function tunablesOf(scenario: Scenario, { rows, seconds }: TriggerFlags): Tunables {
  const defaults = { ...scenario.defaults, ...scenario.byHand };
  return { rows: rows ?? defaults.rows, seconds: seconds ?? defaults.seconds };
}

async function injectAndHeal(
  scenario: Scenario,
  steps: Steps,
  tunables: Tunables,
  signal: AbortSignal,
): Promise<void> {
  const deadlinesMs = deadlinesOf(scenario, tunables);
  let failure: unknown;
  try {
    for (const phase of ['inject', 'hold'] as const) {
      await withDeadline(`${phase} to end`, deadlinesMs[phase], signal, async (inner) => {
        for (const step of scenario.steps[phase].filter(isForLivePipeline)) {
          await steps.run(step, inner, deadlinesMs[phase]);
        }
      });
    }
  } catch (error) {
    failure = error;
  }
  const healFailures = await steps.healAll(new AbortController().signal, deadlinesMs.heal);
  await steps.stopWorkloads();
  failure ??= healFailures[0];
  if (failure !== undefined) throw failure;
}

/** The lab's own workload goes on, and `status` is the one to verify. */
function isForLivePipeline(step: Step): boolean {
  return step.do !== 'expect-verdict' && step.do !== 'until-caught-up';
}

/** How often a wait that goes on says how far it is. */
const PROGRESS_EVERY_MS = 3_000;

/** Tells the journal's events as they come; of a wait that goes on, one every few seconds. */
function teller(context: CliContext): (event: JournalEvent) => void {
  let lastProgressAt = Number.NEGATIVE_INFINITY;
  return (event) => {
    if (event.t === 'fault-proven') say(context, `✔ ${event.fault}: ${evidenceText(event.evidence)}`);
    if (event.t === 'fault-healed') say(context, `✔ healed: ${event.said}`);
    if (event.t === 'step') say(context, `  ${event.step}: ${evidenceText(event.detail ?? {})}`);
    if (event.t === 'fault-not-proven') say(context, `✖ ${event.fault}: ${event.reason}`);
    if (event.t === 'heal-failed') say(context, `✖ ${event.fault} could not be healed: ${event.error}`);
    if (event.t !== 'progress') return;
    if (performance.now() - lastProgressAt < PROGRESS_EVERY_MS) return;
    lastProgressAt = performance.now();
    say(context, `  ${event.value} of ${event.target} ${event.what}`);
  };
}
