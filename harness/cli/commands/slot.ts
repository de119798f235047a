import { openAccess } from '../../access/live-access.ts';
import { slotsOf } from '../../recover/lib/slot.ts';
import { columns } from '../../terminal/columns.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { RecoveryFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';
import { SLOT_ACTIONS } from '../recover/actions.ts';
import { actionOf, mustNotHave, recover } from '../recover/recover.ts';

/** Lists the source's replication slots, drops one, or gives the capture a new one. */
export async function slot(
  context: CliContext,
  options: RecoveryFlags,
  [given = '', name]: readonly string[],
): Promise<number> {
  const action = actionOf('slot', given, SLOT_ACTIONS);
  if (action !== 'drop') mustNotHave(`slot ${action}`, { 'name of a slot': name !== undefined });
  if (action === 'drop')
    return recover(context, options, 'slot-drop', name === undefined ? {} : { slot: name });
  if (action === 'recreate') return recover(context, options, 'slot-recreate', {});
  return list(context, options);
}

async function list(context: CliContext, options: RecoveryFlags): Promise<number> {
  const { instance } = await openInstance(context, options.instance);
  await using access = await openAccess(instance);
  const slots = await slotsOf({ access });
  const own = instance.slot;
  if (context.json) {
    printJson(context, { schemaVersion: 1, own, slots });
    return EXIT.ok;
  }
  const rows = slots.map((one) => [
    one.name,
    one.type,
    one.database ?? '',
    one.isActive ? `pid ${one.activePid}` : 'nobody',
    one.walStatus ?? '',
    String(one.retainedBytes ?? ''),
    one.confirmed ?? '',
    one.name === own ? 'this pipeline’s' : '',
  ]);
  if (!slots.some(({ name }) => name === own))
    rows.push([
      own,
      'logical',
      '',
      'nobody',
      'missing',
      '',
      '',
      'this pipeline’s; cdc-lab slot recreate makes it',
    ]);
  const head = ['SLOT', 'TYPE', 'DATABASE', 'READ BY', 'WAL', 'RETAINED', 'CONFIRMED', ''];
  context.stdout.write(`${columns(pageOf(context), head, rows, { right: [5, 6] })}\n`);
  return EXIT.ok;
}
