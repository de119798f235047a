import { z } from 'zod';
import { UsageError } from '../errors.ts';
import { defineRecovery, type RecoveryContext } from '../plugins/recovery.ts';
import { until } from '../wait.ts';
import { type Connector, connectorOf, curl, untilState } from './lib/connector.ts';
import { dropSlot, dropSql, mustBeDroppable, mustBelongHere, type Slot, slotsOf } from './lib/slot.ts';

/** Values of `snapshot.mode` with which a connector without an offset reads all rows. */
const READS_ROWS = ['initial', 'always', 'when_needed', undefined];

/**
 * The way back after a slot that is gone, lost or foreign: stop, forget slot and offset, start. The capture then does what
 * it did the first time: it creates the slot and reads every row at the slot's snapshot.
 */
export default defineRecovery({
  description:
    'give the capture a new slot and a new snapshot of everything: stop, drop, forget offsets, start',
  params: z.strictObject({}),
  example: {},
  safeWhen: 'the slot is gone, lost or not the pipeline’s, or its WAL must be released at once',
  loses: 'deletes that the old slot had not delivered: a snapshot has no event for a row that is gone',
  undo: 'there is none: the old position is worthless without the old slot',

  typed: () => ['slot', 'recreate'],

  async plan(context) {
    const capture = connectorOf(context.instance, 'capture');
    const slot = await ownSlot(context);
    if (slot !== undefined) mustBelongHere(slot);
    await mustReadRows(capture);
    const isStopped = (await capture.workers.status()).connector.state === 'STOPPED';
    // The capture itself may read it: it is stopped first.
    if (slot !== undefined && isStopped) mustBeDroppable(slot, context);
    const { name } = capture;
    return {
      does: [
        `stops ${name}`,
        slot === undefined ? 'finds no slot to drop' : `drops the slot ${slot.name}`,
        `forgets the offsets of ${name}`,
        `resumes ${name}, which creates the slot ${context.instance.slot} and reads every row again`,
      ],
      commands: [
        curl(capture, 'PUT', '/stop'),
        ...(slot === undefined ? [] : [dropSql(slot.name)]),
        curl(capture, 'DELETE', '/offsets'),
        curl(capture, 'PUT', '/resume'),
      ],
      loses:
        `Rows that were deleted at the source since ${slot?.confirmed ?? 'the old slot was last read'} stay in the ` +
        'sink: the snapshot has no event for them.',
      undo: null,
    };
  },

  async run(context) {
    const capture = connectorOf(context.instance, 'capture');
    const found = await ownSlot(context);
    if (found !== undefined) mustBelongHere(found);
    await capture.workers.stop();
    await untilState(capture, 'STOPPED', context);
    // The server ends a session of a killed client when it notices.
    const { signal, withinMs } = context;
    await until(async () => (await ownSlot(context))?.isActive !== true, {
      what: 'the slot to be released',
      withinMs,
      signal,
    });
    const dropped = await dropSlot(context, context.instance.slot);
    await capture.workers.alterOffsets(null);
    await capture.workers.resume();
    await untilState(capture, 'RUNNING', context);
    const what = 'the new slot to be read';
    const created = await until(async () => activeSlot(context), { what, withinMs, signal });
    const evidence = { dropped, created: { slot: created.name, confirmed: created.confirmed } };
    return { said: `${capture.name} reads the new slot ${created.name}, and every row again`, evidence };
  },
});

async function ownSlot(context: RecoveryContext): Promise<Slot | undefined> {
  return (await slotsOf(context)).find(({ name }) => name === context.instance.slot);
}

async function activeSlot(context: RecoveryContext): Promise<Slot | undefined> {
  const slot = await ownSlot(context);
  return slot?.isActive === true ? slot : undefined;
}

/** @throws UsageError where the capture would begin at the new slot without reading rows: that would be a silent gap. */
async function mustReadRows({ name, workers }: Connector): Promise<void> {
  const mode = (await workers.config())['snapshot.mode'];
  if (READS_ROWS.includes(mode)) return;
  throw new UsageError(
    `With snapshot.mode=${mode}, ${name} would read no rows: everything since the old slot would be lost.`,
    'set it first: cdc-lab connectors set capture snapshot.mode=initial',
  );
}
