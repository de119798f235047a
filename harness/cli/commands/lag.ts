import { bytesText, countOfText } from '../../../verifier/units.ts';
import { openAccess } from '../../access/live-access.ts';
import { columns } from '../../terminal/columns.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { LookFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';

/** Consumer group's lag per partition, and the WAL that the slot still holds back. */
export async function lag(context: CliContext, options: LookFlags): Promise<number> {
  const { instance } = await openInstance(context, options.instance);
  await using access = await openAccess(instance);
  const partitions = await access.lagByPartition();
  const total = await access.lag();
  if (context.json) {
    printJson(context, { schemaVersion: 1, consumerGroup: instance.consumerGroup, ...total, partitions });
    return EXIT.ok;
  }
  const rows = partitions.map(({ topic, partition, committed, end }) => [
    topic,
    String(partition),
    committed === null ? '-' : String(committed),
    String(end),
    String(end - (committed ?? 0n)),
  ]);
  const head = ['TOPIC', 'PARTITION', 'COMMITTED', 'END', 'LAG'];
  const slot = total.slotBytes === null ? 'no slot' : `${bytesText(total.slotBytes)} of WAL`;
  context.stdout.write(`${columns(pageOf(context), head, rows, { right: [1, 5] })}\n\n`);
  context.stdout.write(`group ${instance.consumerGroup}: ${countOfText(total.events, 'event')} behind\n`);
  context.stdout.write(`slot ${instance.slot}: ${slot} not yet confirmed\n`);
  return EXIT.ok;
}
