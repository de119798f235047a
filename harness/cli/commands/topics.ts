import { kafkaClient } from '../../access/live-access.ts';
import { columns } from '../../terminal/columns.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { TopicsFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';

/** Topics with their partitions and records: the difference of the logs' ends. */
export async function topics(context: CliContext, { all }: TopicsFlags): Promise<number> {
  const { instance } = await openInstance(context);
  const admin = kafkaClient(instance).admin();
  await admin.connect();
  try {
    const names = (await admin.listTopics()).filter((name) => all || !name.startsWith('__')).sort();
    const found = [];
    for (const name of names) {
      const partitions = await admin.fetchTopicOffsets(name);
      const records = partitions.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
      found.push({ topic: name, partitions: partitions.length, records });
    }
    if (context.json) printJson(context, { schemaVersion: 1, topics: found });
    else {
      const rows = found.map((one) => [one.topic, String(one.partitions), one.records.toLocaleString('en')]);
      context.stdout.write(
        `${columns(pageOf(context), ['TOPIC', 'PARTITIONS', 'RECORDS'], rows, { right: [1, 3] })}\n`,
      );
    }
  } finally {
    await admin.disconnect();
  }
  return EXIT.ok;
}
