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
 * Runs an action, which is on record before it changes anything and until it is done. The caller holds the lab and
 * has asked whoever must agree.
 * @throws what the action throws. One that refuses has changed nothing, and leaves no record; nor does one of a single
 * step that has failed.
 */
export async function performRecovery(chosen: Chosen, context: RecoveryContext): Promise<Recovered> {
  const { lab, instance } = context;
  const log = new RecoveryLog(lab.dir);
  const id = randomUUID();
  const command = commandOf(chosen, instance.name);
  log.begin({ id, instance: instance.name, action: chosen.name, command });
  try {
    const recovered = await chosen.recovery.run(context, chosen.params);
    log.done(id);
    return recovered;
  } catch (error) {
    const isTold = chosen.recovery.isOneStep === true && !context.signal.aborted;
    if (error instanceof UsageError || isTold) log.done(id);
    throw error;
  }
}
