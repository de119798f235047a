import { openAccess } from '../../access/live-access.ts';
import { UsageError } from '../../errors.ts';
import { groupMembers, nextOf, sinkOffsets } from '../../recover/lib/sink-offsets.ts';
import { columns } from '../../terminal/columns.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { OffsetsFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';
import { OFFSETS_ACTIONS } from '../recover/actions.ts';
import { actionOf, mustNotHave, recover } from '../recover/recover.ts';

/** Shows where the sink is in each partition, or moves it. */
export async function offsets(
  context: CliContext,
  options: OffsetsFlags,
  [given = '']: readonly string[],
): Promise<number> {
  const action = actionOf('offsets', given, OFFSETS_ACTIONS);
  const { to, topic, partition } = options;
  if (action === 'reset') {
    if (to === undefined)
      throw new UsageError('offsets reset needs --to', 'use --to earliest, --to latest or --to OFFSET');
    return recover(context, options, 'offsets-reset', { to, topic, partition });
  }
  mustNotHave('offsets show', {
    '--to': to !== undefined,
    '--topic': topic !== undefined,
    '--partition': partition !== undefined,
  });
  return show(context, options);
}

async function show(context: CliContext, options: OffsetsFlags): Promise<number> {
  const { instance } = await openInstance(context, options.instance);
  await using access = await openAccess(instance);
  const [found, members] = [await sinkOffsets({ instance, access }), await groupMembers(instance)];
  const { consumerGroup } = instance;
  if (context.json) {
    const partitions = found.map((one) => ({ ...one, next: nextOf(one), behind: one.end - nextOf(one) }));
    printJson(context, { schemaVersion: 1, consumerGroup, members, partitions });
    return EXIT.ok;
  }
  const text = (offset: bigint | null): string => (offset === null ? '–' : String(offset));
  const rows = found.map((one) => [
    one.topic,
    ...[String(one.partition), text(one.stored), text(one.committed), text(one.first), text(one.end)],
    String(one.end - nextOf(one)),
  ]);
  const head = ['TOPIC', 'PARTITION', 'STORED', 'GROUP', 'FIRST', 'END', 'BEHIND'];
  context.stdout.write(`${columns(pageOf(context), head, rows, { right: [1, 7] })}\n`);
  context.stdout.write(
    `\nThe group ${consumerGroup} has ${members} ${members === 1 ? 'member' : 'members'}.\n`,
  );
  return EXIT.ok;
}
