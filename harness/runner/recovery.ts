import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Report } from '../../verifier/report.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import type { Access } from '../access/access.ts';
import { OWN_ENGINES, pairName } from '../lab/engines.ts';
import type { Instance, Lab } from '../lab/lab.ts';
import { loadRecovery, recoveryParams } from '../plugins/recovery.ts';
import type { RecoverAction } from '../plugins/scenario.ts';
import { type Chosen, commandOf, performRecovery } from '../undo/perform-recovery.ts';
import { withDeadline } from '../wait.ts';
import type { Bounds } from './bounds.ts';
import { describeFinding } from './expectation.ts';
import type { Journal } from './journal.ts';
import { isExpected, type Outcome, type Recovered } from './outcome.ts';
import { pipelineOf, type VariantPlan } from './plan.ts';

/** A wait within an action; a whole action may take several. */
const WAIT_MS = 60_000;
const ACTION_MS = 180_000;
/** How long the second verification waits for a final verdict, and when it is given up. */
const VERIFY_MS = 90_000;
const VERIFIED_WITHIN_MS = 120_000;

export interface RecoveryDeps {
  readonly lab: Lab;
  readonly instance: Instance;
  readonly access: Access;
  readonly journal: Journal;
  readonly signal: AbortSignal;
  /** Waits until slot and group have caught up: what was sent again is a lag, and an alert, until it is applied. */
  readonly catchUp: (bounds: Bounds) => Promise<void>;
  /** Verifies, and waits until the verdict is final. */
  readonly verify: (signal: AbortSignal, withinMs: number) => Promise<Report>;
}

/** The actions that bring the variant back; none where it is kept as it is, or did not end as expected. */
export function recoveryOf(plan: VariantPlan, outcome: Outcome): readonly RecoverAction[] {
  // A capture that the variant itself asks for takes the same commands.
  const asked = pipelineOf(plan).source.engine === undefined ? {} : { source: OWN_ENGINES.source };
  const engines = { ...plan.choice.engines, ...asked };
  const isOwn = pairName(engines) === pairName(OWN_ENGINES) && plan.foreign === undefined;
  if (!isOwn || plan.keep || plan.noOp !== false || plan.swap) return [];
  const { recover = [] } = pipelineOf(plan);
  return outcome.verdict === 'FAIL' && isExpected(plan, outcome) ? recover : [];
}

/** Why the lab cannot carry out these actions; null if it can. */
export function cannotRecover(
  actions: readonly RecoverAction[],
  { runtime, upgrade }: Pick<Lab, 'runtime' | 'upgrade'>,
): string | null {
  if (upgrade !== undefined || !actions.some(({ action }) => action === 'upgrade')) return null;
  return `cdc-lab upgrade: the ${runtime.name} runtime cannot replace a worker that has a planted defect`;
}

/** The commands that bring a kept pipeline back, as a person types them; none if the scenario knows none. */
export async function commandsToRecover(plan: VariantPlan): Promise<string[]> {
  const chosen = await Promise.all((pipelineOf(plan).recover ?? []).map(choose));
  return chosen.map((one) => commandOf(one, plan.instanceName));
}

/**
 * Carries out the actions in their order, then verifies again. INCONCLUSIVE, with the reason, where an action or the
 * verification fails: the variant's own verdict stays.
 * @throws the signal's reason when it is aborted.
 */
export async function recoverVariant(
  actions: readonly RecoverAction[],
  deps: RecoveryDeps,
): Promise<Recovered> {
  const { signal, journal } = deps;
  const done: { command: string; said: string }[] = [];
  const end = (verdict: Verdict, reason: string | null): Recovered => {
    journal.write({ t: 'recovered', verdict, reason });
    return { verdict, reason, actions: done };
  };
  for (const action of actions) {
    const chosen = await choose(action);
    const command = commandOf(chosen, deps.instance.name);
    try {
      const { said, evidence } = await perform(chosen, deps);
      journal.write({ t: 'recovery-action', command, said, evidence });
      done.push({ command, said });
    } catch (error) {
      signal.throwIfAborted();
      return end('INCONCLUSIVE', `${command}: ${messageOf(error)}`);
    }
  }
  // If it does not catch up in time, the verifier says what that means.
  await deps.catchUp({ signal, withinMs: WAIT_MS }).catch(() => signal.throwIfAborted());
  try {
    const { verdict, findings } = await withDeadline(
      'the second verification',
      VERIFIED_WITHIN_MS,
      signal,
      (inner) => deps.verify(inner, VERIFY_MS),
    );
    const [first] = findings;
    const why = first === undefined ? 'without a finding' : describeFinding(first);
    return end(verdict, verdict === 'PASS' ? null : why);
  } catch (error) {
    signal.throwIfAborted();
    return end('INCONCLUSIVE', `the second verification failed: ${messageOf(error)}`);
  }
}

/** What an action refuses, it refuses here too; nobody is asked, as the pipeline is the run's own. */
async function perform(chosen: Chosen, { lab, instance, access, signal }: RecoveryDeps) {
  return withDeadline(`${chosen.name} to end`, ACTION_MS, signal, async (inner) => {
    const context = { lab, instance, access, signal: inner, withinMs: WAIT_MS };
    await chosen.recovery.plan(context, chosen.params);
    return performRecovery(chosen, context);
  });
}

async function choose({ action, with: given = {} }: RecoverAction): Promise<Chosen> {
  const recovery = await loadRecovery(action);
  return { name: action, recovery, params: recoveryParams(recovery, action, given) };
}
