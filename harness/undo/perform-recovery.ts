import { randomUUID } from 'node:crypto';
import { UsageError } from '../errors.ts';
import type { Recovered, Recovery, RecoveryContext } from '../plugins/recovery.ts';
import { shellLine } from '../terminal/shell-word.ts';
import { RecoveryLog } from './recovery-log.ts';

/** A recovery action with its parameters, which {@link recoveryParams} has checked. */
export interface Chosen {
  readonly name: string;
  readonly recovery: Recovery;
  readonly params: Record<string, unknown>;
}

/** The command as a person types it; the options that lead to the lab are added where it is printed. */
export function commandOf({ recovery, params }: Chosen, instance: string): string {
  const where = instance === 'lab' ? [] : ['--instance', instance];
  return `cdc-lab ${shellLine([...recovery.typed(params), ...where])}`;
}

/**
 * Runs an action. It is recorded before it changes anything, and the record is open until the action succeeds. The
 * caller holds the lab, and has asked for consent where the action loses something.
 * @throws what the action throws. The record of this attempt then stays open, so that `heal` prints the command, unless
 * nothing is left half done: the action refused (UsageError), or has a single step and was not interrupted. Records of
 * earlier attempts stay open in any case.
 */
export async function performRecovery(chosen: Chosen, context: RecoveryContext): Promise<Recovered> {
  const { lab, instance } = context;
  const log = new RecoveryLog(lab.dir);
  const id = randomUUID();
  const command = commandOf(chosen, instance.name);
  log.begin({ id, instance: instance.name, action: chosen.name, command });
  try {
    const recovered = await chosen.recovery.run(context, chosen.params);
    log.succeed(id);
    return recovered;
  } catch (error) {
    const isWhole = chosen.recovery.isOneStep === true && !context.signal.aborted;
    if (error instanceof UsageError || isWhole) log.end(id);
    throw error;
  }
}
