import type { CliContext } from '../context.ts';
import type { DedupeFlags, RecoveryFlags, SnapshotFlags } from '../option-table.ts';
import { REPAIR_ACTIONS } from '../recover/actions.ts';
import { actionOf, recover } from '../recover/recover.ts';

/** Has the capture send rows again. */
export function snapshot(
  context: CliContext,
  options: SnapshotFlags,
  tables: readonly string[],
): Promise<number> {
  const { where, blocking } = options;
  return recover(context, options, 'snapshot', { tables, where, blocking });
}

/** Deletes surplus rows of the sink. */
export function dedupe(
  context: CliContext,
  options: DedupeFlags,
  [table = '']: readonly string[],
): Promise<number> {
  return recover(context, options, 'dedupe', { table, addKey: options.addKey });
}

/** Replaces workers that have a planted defect. */
export function upgrade(context: CliContext, options: RecoveryFlags): Promise<number> {
  return recover(context, options, 'upgrade', {});
}

/** Runs a file of repairs on the sink. */
export function repair(
  context: CliContext,
  options: RecoveryFlags,
  [action = '', file = '']: readonly string[],
): Promise<number> {
  actionOf('repair', action, REPAIR_ACTIONS);
  return recover(context, options, 'repair-apply', { file });
}
