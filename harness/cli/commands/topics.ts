import { kafkaClient } from '../../access/live-access.ts';
import { UsageError } from '../../errors.ts';
import { columns } from '../../terminal/columns.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { TopicsFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';
import { TOPICS_ACTIONS } from '../recover/actions.ts';
import { actionOf, mustNotHave, recover } from '../recover/recover.ts';
import { settingsIn } from '../recover/settings.ts';

/** Lists the topics, or changes settings of one. */
export async function topics(
  context: CliContext,
  options: TopicsFlags,
  [given = 'list', topic, ...settings]: readonly string[],
): Promise<number> {
  const action = actionOf('topics', given, TOPICS_ACTIONS);
  mustNotHave(`topics ${action}`, {
    '--all': options.all && action !== 'list',
    'name of a topic': topic !== undefined && action === 'list',
  });
  if (action === 'list') return list(context, options);
  const example = 'as in: cdc-lab topics set documents max.message.bytes=8000000';
  if (topic === undefined || settings.length === 0)
    throw new UsageError('topics set needs a topic and key=value', example);
  return recover(context, options, 'topics-set', { topic, set: settingsIn(settings, example) });
}

/** Topics with their partitions and records: the difference of the logs' ends. */
async function list(context: CliContext, { all, instance: name }: TopicsFlags): Promise<number> {
  const { instance } = await openInstance(context, name);
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
