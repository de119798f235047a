import { z } from 'zod';
import { defineRecovery } from '../plugins/recovery.ts';
import { dropSlot, dropSql, mustBeDroppable, slotNamed } from './lib/slot.ts';

export default defineRecovery({
  description: 'drop a replication slot, so that the server may remove the WAL that it retains',
  params: z.strictObject({ slot: z.string().min(1).optional() }),
  example: {},
  safeWhen: 'nobody will read from the slot again, or a new snapshot follows (cdc-lab slot recreate)',
  loses: 'every change that the slot’s reader has not confirmed',
  undo: 'there is none: a new slot begins at the present; what lies between is for a snapshot to bring',
  isOneStep: true,

  typed: ({ slot }) => ['slot', 'drop', ...(slot === undefined ? [] : [slot])],

  async plan(context, { slot = context.instance.slot }) {
    const found = await slotNamed(context, slot);
    if (found === undefined)
      return { does: [`nothing: there is no slot ${slot}`], commands: [], loses: null, undo: null };
    mustBeDroppable(found, context);
    const mine = slot === context.instance.slot;
    return {
      does: [`drops the slot ${slot}, for which the server retains ${found.retainedBytes ?? 0} bytes of WAL`],
      commands: [dropSql(slot)],
      loses:
        `The changes behind ${found.confirmed ?? 'its start'} never reach who reads the slot` +
        (mine ? '; the capture stops until cdc-lab slot recreate has made another.' : '.'),
      undo: null,
    };
  },

  async run(context, { slot = context.instance.slot }) {
    const evidence = await dropSlot(context, slot);
    return { said: `the slot ${slot} is dropped`, evidence };
  },
});
