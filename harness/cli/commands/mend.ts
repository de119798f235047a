import { UsageError } from '../../errors.ts';
import type { CliContext } from '../context.ts';
import type { DedupeFlags, RecoveryFlags, SnapshotFlags } from '../option-table.ts';
import { REPAIR_ACTIONS } from '../recover/actions.ts';
import { actionOf, mustNotHave, recover } from '../recover/recover.ts';

/** Has the capture send rows again. */
export function snapshot(
  context: CliContext,
  options: SnapshotFlags,
  tables: readonly string[],
): Promise<number> {
  const { where, blocking, sweep } = options;
  return recover(context, options, 'snapshot', { tables, where, blocking, sweep });
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

/** Runs a file of repairs on the sink, or compares and repairs at once. */
export async function repair(
  context: CliContext,
  options: RecoveryFlags,
  [given = '', file]: readonly string[],
): Promise<number> {
  const action = actionOf('repair', given, REPAIR_ACTIONS);
  if (action === 'rows') {
    mustNotHave('repair rows', { file: file !== undefined });
    return recover(context, options, 'repair-rows', {});
  }
  if (file === undefined)
    throw new UsageError('repair apply needs a file', 'cdc-lab verify --repair FILE writes one');
  return recover(context, options, 'repair-apply', { file });
}
