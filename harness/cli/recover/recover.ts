/**
 * `harness/cli/recover`: the commands that recover a pipeline, and what they have in common.
 * In: the name of an action in `harness/recover/`, its parameters, `--dry-run`, `--yes`.
 * Out: a plan, or what was done, as text or JSON.
 * Promises: nothing changes under `--dry-run`; what loses data is asked first, or refused where nobody can answer; nobody
 * else changes the lab between the plan and the act.
 */

import { didYouMean } from '../../../pipeline/contract/nearest.ts';
import { openAccess } from '../../access/live-access.ts';
import { UsageError } from '../../errors.ts';
import { holdLab } from '../../lab/state/lock.ts';
import { loadRecovery, type RecoveryPlan, recoveryParams } from '../../plugins/recovery.ts';
import { evidenceText } from '../../runner/evidence-text.ts';
import { withTarget } from '../../terminal/with-target.ts';
import { type Chosen, commandOf, performRecovery } from '../../undo/perform-recovery.ts';
import { withDeadline } from '../../wait.ts';
import { type CliContext, EXIT, printJson, say } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { RecoveryFlags } from '../option-table.ts';

/** All waits of an action together: several of them may each take the deadline of `--deadline`. */
const WAITS = 3;

/** Plans an action, asks where it loses something, and runs it. @throws UsageError where it refuses or nobody agrees. */
export async function recover(
  context: CliContext,
  options: RecoveryFlags,
  name: string,
  given: object,
): Promise<number> {
  const recovery = await loadRecovery(name);
  const chosen: Chosen = { name, recovery, params: recoveryParams(recovery, name, given) };
  const { lab, instance } = await openInstance(context, options.instance);
  if (!options.dryRun) lab.mayBreak?.();
  await using access = await openAccess(instance);
  const withinMs = options.deadline * 1000;
  const { signal } = context;
  const aim = (text: string): string => withTarget(text, context.target);
  // Held from the plan on, so that what is agreed to is what is done.
  await using _held = options.dryRun ? undefined : await holdLab(lab.dir);
  const plan = aimed(await recovery.plan({ lab, instance, access, signal, withinMs }, chosen.params), aim);
  const command = aim(commandOf(chosen, instance.name));
  if (options.dryRun) return printPlan(context, chosen, command, plan);
  if (plan.loses !== null && !options.yes) await mustAgree(context, command, plan.loses);
  const recovered = await withDeadline(`${command} to end`, withinMs * WAITS, signal, (inner) =>
    performRecovery(chosen, { lab, instance, access, signal: inner, withinMs }),
  );
  if (context.json) printJson(context, { schemaVersion: 1, action: name, command, ...plan, ...recovered });
  else {
    say(context, `✔ ${recovered.said}`);
    const seen = evidenceText(recovered.evidence);
    if (seen !== '') say(context, `  ${seen}`);
    if (plan.undo !== null) say(context, `  to undo it: ${plan.undo}`);
    say(context, '  does the sink equal the source now? cdc-lab status');
  }
  return EXIT.ok;
}

/** The plan with commands that lead to the same pipeline. */
function aimed({ does, commands, loses, undo }: RecoveryPlan, aim: (text: string) => string): RecoveryPlan {
  return {
    does: does.map(aim),
    commands,
    loses: loses === null ? null : aim(loses),
    undo: undo === null ? null : aim(undo),
  };
}

function printPlan(
  context: CliContext,
  { name, recovery }: Chosen,
  command: string,
  plan: RecoveryPlan,
): number {
  const safeWhen = withTarget(recovery.safeWhen, context.target);
  if (context.json) {
    printJson(context, { schemaVersion: 1, action: name, command, dryRun: true, safeWhen, ...plan });
    return EXIT.ok;
  }
  const lines = [
    `It would do this (${name}):`,
    ...plan.does.map((sentence) => `  ${sentence}`),
    ...(plan.commands.length === 0 ? [] : ['By hand:', ...plan.commands.map((line) => `  ${line}`)]),
    `Loses: ${plan.loses ?? 'nothing'}`,
    `Safe: ${safeWhen}`,
    `Undo: ${plan.undo ?? recovery.undo}`,
  ];
  context.stdout.write(`${withTarget(lines.join('\n'), context.target)}\n`);
  return EXIT.ok;
}

/** @throws UsageError unless the person at the terminal says yes. */
async function mustAgree(context: CliContext, command: string, loses: string): Promise<void> {
  if (context.ask === undefined) {
    throw new UsageError(
      `${loses} Nobody is at a terminal to agree to that.`,
      `${command} --yes does it all the same`,
    );
  }
  const answer = await context.ask(`${loses}\nGo on? Type yes: `);
  if (answer.trim().toLowerCase() !== 'yes')
    throw new UsageError(
      'Nothing was changed: the answer was not yes.',
      `${command} --dry-run says what it would do`,
    );
}

/** The action of a command such as `slot list`. @throws UsageError that names the nearest. */
export function actionOf<A extends string>(command: string, given: string, known: readonly A[]): A {
  const found = known.find((one) => one === given);
  if (found !== undefined) return found;
  throw new UsageError(
    `cdc-lab ${command} has no action "${given}".${didYouMean(given, known)}`,
    `known: ${known.join(', ')}`,
  );
}

/** @throws UsageError for an option that the action would ignore. */
export function mustNotHave(action: string, unused: Readonly<Record<string, boolean>>): void {
  const [option] = Object.entries(unused).find(([, isGiven]) => isGiven) ?? [];
  if (option === undefined) return;
  throw new UsageError(`${action} takes no ${option}`, 'leave it out; --help says which action it is for');
}
